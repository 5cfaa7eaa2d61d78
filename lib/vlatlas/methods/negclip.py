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


def shuffle_content(text: str, rng: random.Random) -> str:
    """Nouns in any order in the nouns' places, adjectives in any order in the adjectives' places: one of the perturbations by
    which the paper asks what retrieval needs."""
    words = _split(text)
    adjectives = frozenset().union(*ADJECTIVES.values())
    for wanted in (NOUNS, adjectives):
        places = [i for a, b in _phrases(words) for i in range(a, b) if words[i] in wanted]
        mixed = rng.sample(places, len(places))
        words = [words[mixed[places.index(i)]] if i in places else w for i, w in enumerate(words)]
    return _join(words)


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
