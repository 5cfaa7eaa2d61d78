"""A word-level tokenizer with a stated vocabulary."""

import re

import torch
from torch import Tensor

PAD, UNKNOWN, END = 0, 1, 2
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?|[^\w\s]", re.UNICODE)


class WordTokenizer:
    """Lower-cased words and punctuation marks, one id each; ids 0, 1, 2 are padding, unknown and end-of-text.

    Args:
        words: the vocabulary, in the order of its ids. context: ids per text, end-of-text included.

    Raises:
        ValueError: duplicate words; at call, with strict=True, a word outside the vocabulary or a text that is too
            long (both are otherwise replaced by <unknown>, or cut, as CLIP's tokenizer cuts).
    """

    def __init__(self, words: list[str], context: int = 32, strict: bool = False):
        self.words = list(words)
        if len(set(self.words)) != len(self.words):
            twice = sorted({w for w in self.words if self.words.count(w) > 1})
            raise ValueError(f"words given twice: {', '.join(twice)}; each word has one id")
        self.ids = {word: 3 + i for i, word in enumerate(self.words)}
        self.context = context
        self.strict = strict

    def __len__(self) -> int:
        return 3 + len(self.words)

    def encode(self, text: str) -> list[int]:
        """The ids of one text, end-of-text last, at most `context` of them."""
        words = _WORD.findall(text.lower())
        if self.strict:
            unknown = [w for w in words if w not in self.ids]
            if unknown:
                raise ValueError(f"not in the vocabulary: {', '.join(unknown)} (in {text!r}); reword the text")
            if len(words) >= self.context:
                raise ValueError(f"{len(words)} words, room for {self.context - 1} (in {text!r}); shorten the text")
        return [self.ids.get(w, UNKNOWN) for w in words[: self.context - 1]] + [END]

    def decode(self, ids: list[int]) -> str:
        """Words up to the end-of-text token, joined by blanks."""
        out = []
        for i in ids:
            if i == END:
                break
            if i != PAD:
                out.append("<unknown>" if i == UNKNOWN else self.words[i - 3])
        return " ".join(out)

    def __call__(self, texts: str | list[str]) -> Tensor:
        """Ids of one or many texts: (B, context) long, padded with 0."""
        texts = [texts] if isinstance(texts, str) else texts
        out = torch.zeros(len(texts), self.context, dtype=torch.long)
        for row, text in zip(out, texts, strict=True):
            ids = self.encode(text)
            row[: len(ids)] = torch.tensor(ids)
        return out
