"""NegCLIP: each caption with two of its words exchanged is one more negative of its image (Yuksekgonul et al. 2023)."""

import random
import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.scenes.vocabulary import COLOURS, SHAPES, SIZES, TEXTURES
from ..evals.tiled import tiled_topk
from ..losses.checks import check_features

NOUNS = frozenset(SHAPES)
ADJECTIVES = {"size": frozenset(SIZES[3]), "colour": frozenset(COLOURS), "texture": frozenset(TEXTURES)}
DISORDERS = ("content", "rest", "within trigrams", "trigrams")
KINDS = ("noun", *ADJECTIVES, "phrase")  # what a swap may exchange
SHARES = {"noun": 1 / 3, "size": 1 / 9, "colour": 1 / 9, "texture": 1 / 9, "phrase": 1 / 3}  # nouns, adjectives, phrases alike


def negclip_loss(image: Tensor, text: Tensor, negative: Tensor, scale: Tensor) -> Tensor:
    r"""CLIP's loss in which every image also refuses the false captions.

    $\mathcal{L}=-\frac1{2N}\sum_i\big[\log\frac{e^{su_i^\top v_i}}{\sum_j e^{su_i^\top v_j}+\sum_k e^{su_i^\top v^-_k}}
    +\log\frac{e^{su_i^\top v_i}}{\sum_j e^{su_j^\top v_i}}\big]$. A false caption has no true image, so it has no column
    of its own: only the rows grow. Without false captions this is `clip_loss`.

    Shapes: image, text (N, D), negative (M, D), all unit rows; scale (). Returns ().
    """
    y = torch.arange(len(image), device=image.device)
    rows = scale * image @ torch.cat([text, negative]).T  # (N, N + M)
    columns = scale * text @ image.T  # (N, N)
    return (F.cross_entropy(rows, y) + F.cross_entropy(columns, y)) / 2


class NegClipLoss(nn.Module):
    """`negclip_loss` with the names of a loss of ours; without negative_features it is CLIP's.

    Raises:
        ValueError: shapes that do not match, an empty batch.
    """

    def forward(
        self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor, negative_features: Tensor | None = None
    ) -> Tensor:
        check_features(image_features, text_features)
        if negative_features is None:
            negative_features = text_features[:0]
        if negative_features.ndim != 2 or negative_features.shape[1] != text_features.shape[1]:
            raise ValueError(
                f"false captions of shape {tuple(negative_features.shape)} beside texts of shape {tuple(text_features.shape)}: "
                "give (M, D) features of the same width"
            )
        return negclip_loss(image_features, text_features, negative_features, logit_scale)


def swapped(text: str, kind: str) -> str | None:
    """The sentence with two things of one kind exchanged, or None if it does not have two that differ.

    kind: "noun", an adjective's sort ("size", "colour", "texture") or "phrase" (article, adjectives and noun). Words are told
    apart by a list of the world's own, in place of a tagger. Nothing but the sentence is looked at.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    words = _split(text)
    if kind == "phrase":
        spans = _phrases(words)
    else:
        wanted = NOUNS if kind == "noun" else ADJECTIVES[kind]
        spans = [(i, i + 1) for a, b in _phrases(words) for i in range(a, b) if words[i] in wanted]
    if len(spans) < 2:
        return None
    (a, b), (c, d) = spans[:2]
    if words[a:b] == words[c:d]:
        return None
    return _join(words[:a] + words[c:d] + words[b:c] + words[a:b] + words[d:])


def disordered(text: str, how: str, rng: random.Random) -> str:
    """The sentence with words in another order, by one of the ways that the paper's order test and its retrieval test use:
    "content" (nouns in any order in the nouns' places, adjectives in the adjectives'), "rest" (all other words, in theirs),
    "within trigrams" or "trigrams" (of consecutive words). Never the sentence itself; the full stop stays last.

    Raises:
        ValueError: an unknown way, or a sentence that has no other order in it.
    """
    if how not in DISORDERS:
        raise ValueError(f"{how!r} is unknown; use one of {', '.join(DISORDERS)}")
    words = _split(text)
    words, stop = (words[:-1], ["."]) if words[-1:] == ["."] else (words, [])
    for _ in range(100):
        mixed = _mixed(words, how, rng)
        if mixed != words:
            return re.sub(r" ([.,])", r"\1", " ".join(mixed + stop))
    raise ValueError(f"found no other order of {text!r} by {how!r}; give a longer sentence")


def _mixed(words: list[str], how: str, rng: random.Random) -> list[str]:
    if "trigrams" in how:
        groups = [words[i : i + 3] for i in range(0, len(words), 3)]
        groups = [rng.sample(g, len(g)) for g in groups] if how == "within trigrams" else rng.sample(groups, len(groups))
        return [w for g in groups for w in g]
    inside = [i for a, b in _phrases(words) for i in range(a + 1, b)]
    nouns, adjectives = ([i for i in inside if (words[i] in NOUNS) is noun] for noun in (True, False))
    rest = [i for i in range(len(words)) if i not in inside]
    out = list(words)
    for places in (nouns, adjectives) if how == "content" else (rest,):
        for place, source in zip(places, rng.sample(places, len(places)), strict=True):
            out[place] = words[source]
    return out


def _split(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def _phrases(words: list[str]) -> list[tuple[int, int]]:
    """Spans of "a large red striped star": an article, adjectives and a noun."""
    adjectives, out = frozenset().union(*ADJECTIVES.values()), []
    for i, word in enumerate(words):
        if word in ("a", "an"):
            j = i + 1
            while j < len(words) and words[j] in adjectives:
                j += 1
            if j < len(words) and words[j] in NOUNS:
                out.append((i, j + 1))
    return out


def _join(words: list[str]) -> str:
    """A sentence again, with "an" before vowels and no blank before a mark."""
    words = [("an" if b[0] in "aeiou" else "a") if w in ("a", "an") else w for w, b in zip(words, [*words[1:], ""], strict=True)]
    return re.sub(r" ([.,])", r"\1", " ".join(words))


def hard_images(features: Tensor, k: int) -> Tensor:
    """(n, k) long: the k nearest other images of each, by cosine. features: (n, D), unit rows."""
    found = tiled_topk(features, features, k + 1)[1]  # (n, k + 1), as a rule with the image itself in front
    itself = found == torch.arange(len(features))[:, None]
    itself[~itself.any(dim=1), -1] = True  # k twins stand before it: the last one goes
    return found[~itself].view(len(features), k)
