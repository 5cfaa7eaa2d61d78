"""Scores of captions: against reference sentences (BLEU, CIDEr-D) and against the image by CLIP (CLIPScore)."""

import math
import re
from collections import Counter

import torch
from torch import Tensor

from .features import encode_texts

REMEDY = 'pip install "vlatlas[captions]"'


def plain(text: str) -> list[str]:
    """The words of a sentence, lower case, without punctuation."""
    return re.findall(r"[^\W_]+", text.lower())


def bleu(captions: list[str], references: list[list[str]], order: int = 4) -> float:
    """Corpus BLEU (Papineni et al. 2002) in 0 .. 1 by the package sacrebleu, on lower-case words without punctuation.

    Args:
        captions: one sentence for each of n images. references: the same number of sentences for each. order: longest n-gram.

    Raises:
        ModuleNotFoundError: sacrebleu is not installed. ValueError: see `cider`, or rows of different numbers of references.
    """
    _check(captions, references)
    if len({len(r) for r in references}) != 1:
        raise ValueError(f"numbers of references differ, {sorted({len(r) for r in references})}: give each image as many")
    try:
        from sacrebleu.metrics import BLEU
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"BLEU is computed by the package sacrebleu: {REMEDY}") from error
    scorer = BLEU(tokenize="none", smooth_method="none", max_ngram_order=order, force=True)
    streams = [[" ".join(plain(r[k])) for r in references] for k in range(len(references[0]))]
    return scorer.corpus_score([" ".join(plain(c)) for c in captions], streams).score / 100


def cider(captions: list[str], references: list[list[str]], order: int = 4, sigma: float = 6.0) -> Tensor:
    r"""CIDEr-D of each caption (Vedantam et al. 2015): for n-grams of length 1 .. `order`, TF-IDF vectors $g$ with the
    document frequencies of the references' images,

    $$\frac{10}{M}\sum_m e^{-(\ell_c-\ell_m)^2/2\sigma^2}\,\frac{\min(g_c,g_m)\cdot g_m}{\lVert g_c\rVert\lVert g_m\rVert},$$

    then the mean over lengths, $M$ references, $\ell$ counts words. The standard evaluation code reports the mean over images;
    tables of papers print 100 times that.

    Returns:
        (n,) float64.

    Raises:
        ValueError: not one list of at least one reference for each caption, or fewer than two images (every IDF would be 0).
    """
    _check(captions, references)
    if len(captions) < 2:
        raise ValueError("CIDEr weighs words by how many images need them: give at least 2 images")
    said = [[_ngrams(r, order) for r in row] for row in references]
    frequency = Counter(g for row in said for g in set().union(*row))
    log_n = math.log(len(captions))
    out = []
    for caption, row in zip(captions, said, strict=True):
        counts = _ngrams(caption, order)
        out.append(10 * sum(_similarity(counts, r, frequency, log_n, order, sigma) for r in row) / len(row))
    return torch.tensor(out, dtype=torch.float64)


def _ngrams(text: str, order: int) -> Counter:
    words = plain(text)
    return Counter(tuple(words[i : i + n]) for n in range(1, order + 1) for i in range(len(words) - n + 1))


def _similarity(a: Counter, b: Counter, frequency: Counter, log_n: float, order: int, sigma: float) -> float:
    weight = lambda g: log_n - math.log(max(1, frequency[g]))  # noqa: E731
    dots, norms_a, norms_b = [0.0] * order, [0.0] * order, [0.0] * order
    for g, count in b.items():
        w = weight(g)
        dots[len(g) - 1] += min(a[g] * w, count * w) * count * w
        norms_b[len(g) - 1] += (count * w) ** 2
    for g, count in a.items():
        norms_a[len(g) - 1] += (count * weight(g)) ** 2
    total = sum(d / math.sqrt(x * y) for d, x, y in zip(dots, norms_a, norms_b, strict=True) if x * y > 0)
    # The standard code measures a sentence by its number of pairs of words: a difference is the same but for empty sentences.
    apart = _pairs(a) - _pairs(b)
    return total / order * math.exp(-(apart**2) / (2 * sigma**2))


def _pairs(counts: Counter) -> int:
    return sum(c for g, c in counts.items() if len(g) == 2)


def clip_score(model, image_features: Tensor, captions: list[str], w: float = 2.5) -> Tensor:
    r"""CLIPScore, $w\max(\cos(u, v), 0)$ with $w=2.5$ (Hessel et al. 2021). The paper puts "A photo depicts" before
    each caption; our towers know neither word and read the caption as it is. image_features: u (n, D), unit rows.

    Returns:
        (n,). Raises ValueError unless there is one caption for each image.
    """
    if len(image_features) != len(captions):
        raise ValueError(f"{len(image_features)} images and {len(captions)} captions; each image needs one")
    v = encode_texts(model, captions)
    return w * (image_features * v).sum(dim=1).clamp(min=0)


def ref_clip_score(model, image_features: Tensor, captions: list[str], references: list[list[str]], w: float = 2.5) -> Tensor:
    r"""RefCLIPScore: the harmonic mean of CLIPScore and $\max(\max_r\cos(v, v_r), 0)$ (Hessel et al. 2021). (n,).

    Raises:
        ValueError: as `clip_score` and `cider`.
    """
    _check(captions, references)
    seen = clip_score(model, image_features, captions, w)
    v, refs = encode_texts(model, captions), encode_texts(model, [t for r in references for t in r])
    said = torch.stack([(r @ x).max() for x, r in zip(v, refs.split([len(r) for r in references]), strict=True)]).clamp(min=0)
    return 2 * seen * said / (seen + said).clamp(min=torch.finfo(seen.dtype).tiny)


def _check(captions: list[str], references: list[list[str]]) -> None:
    if len(captions) != len(references) or not captions or not all(references):
        raise ValueError(f"{len(captions)} captions and {len(references)} lists of references: each needs at least one reference")
