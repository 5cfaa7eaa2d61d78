"""BLEU, CIDEr-D and CLIPScore against their formulas in plain loops and against the standard evaluation code."""

import builtins
import math

import pytest
import torch

from vlatlas.data.splits import captioning
from vlatlas.evals import caption_scores, encode_images, encode_texts
from vlatlas.evals.caption_scores import bleu, cider, clip_score, plain, ref_clip_score
from vlatlas.models import load

HAND = ["a red star.", "the star on a dark background", "a a a a"]
HAND_REFERENCES = [
    ["a red star", "one red star is there"],
    ["a star on a dark background.", "stars and stripes"],
    ["a cat sat on a mat", "a b c"],
]


def written(n: int = 24):
    """Scenes, captions (of the next scene), and four references in other sentences than the captions'."""
    batch, references = captioning.test(size=n)
    return batch, [r[0] for r in references[1:] + references[:1]], [r[1:] for r in references]


def slow_cider(captions, references, order=4, sigma=6.0):
    """The paper's formula: one vector per sentence and length, one image after the other."""
    said, told = [plain(c) for c in captions], [[plain(r) for r in row] for row in references]
    out = []
    for c, row in zip(said, told, strict=True):
        total = 0.0
        for k in range(1, order + 1):
            a = vector(c, k, told)
            for r in row:
                b = vector(r, k, told)
                norm = math.sqrt(sum(x * x for x in a.values()) * sum(x * x for x in b.values()))
                dot = sum(min(a.get(g, 0.0), b[g]) * b[g] for g in b)
                total += math.exp(-((len(c) - len(r)) ** 2) / (2 * sigma**2)) * dot / norm / len(row) if norm else 0.0
        out.append(10 * total / order)
    return torch.tensor(out, dtype=torch.float64)


def grams(words, k):
    return [tuple(words[i : i + k]) for i in range(len(words) - k + 1)]


def vector(words, k, told):
    """TF-IDF of a sentence's n-grams of length k."""
    out = {}
    for g in set(grams(words, k)):
        images = sum(any(g in grams(r, k) for r in row) for row in told)
        out[g] = grams(words, k).count(g) * math.log(len(told) / max(1, images))
    return out


def test_cider_is_its_formula():
    torch.testing.assert_close(cider(HAND, HAND_REFERENCES), slow_cider(HAND, HAND_REFERENCES), atol=1e-12, rtol=1e-12)
    _, captions, references = written(4)
    torch.testing.assert_close(cider(captions, references), slow_cider(captions, references), atol=1e-12, rtol=1e-12)


def test_cider_and_bleu_are_those_of_the_standard_evaluation_code():
    standard = pytest.importorskip("pycocoevalcap.cider.cider")
    _, captions, references = written()
    words = lambda text: " ".join(plain(text))  # noqa: E731
    given = {i: [words(r) for r in row] for i, row in enumerate(references)}
    said = {i: [words(c)] for i, c in enumerate(captions)}
    mean, each = standard.Cider().compute_score(given, said)
    torch.testing.assert_close(cider(captions, references), torch.tensor(each, dtype=torch.float64), atol=1e-9, rtol=1e-9)
    assert cider(captions, references).mean().item() == pytest.approx(mean, abs=1e-9)
    pytest.importorskip("sacrebleu")
    from pycocoevalcap.bleu.bleu import Bleu

    scores, _ = Bleu(4).compute_score(given, said, verbose=0)
    assert bleu(captions, references) == pytest.approx(scores[3], abs=1e-6)
    assert bleu(captions, references, order=1) == pytest.approx(scores[0], abs=1e-6)


def test_a_reference_itself_scores_more_than_a_caption_of_another_image():
    _, wrong, references = written()
    right = [r[0] for r in references]
    assert cider(right, references).mean() > 2 * cider(wrong, references).mean()


def test_clip_score_is_its_formula():
    model = load("scenes-clip")
    batch, captions, references = written(6)
    u = encode_images(model, batch.images)
    v = encode_texts(model, captions)
    expected = [
        2.5 * max(sum(a * b for a, b in zip(x, y, strict=True)), 0.0) for x, y in zip(u.tolist(), v.tolist(), strict=True)
    ]
    got = clip_score(model, u, captions)
    torch.testing.assert_close(got, torch.tensor(expected), atol=1e-5, rtol=1e-5)
    assert (clip_score(model, -u, captions)[got > 0.1] == 0).all()  # no negative score
    both = ref_clip_score(model, u, captions, references)
    for i, row in enumerate(references):
        said = max((v[i] @ r).item() for r in encode_texts(model, row))
        wanted = 0.0 if expected[i] <= 0 or said <= 0 else 2 / (1 / expected[i] + 1 / said)
        assert both[i].item() == pytest.approx(wanted, abs=1e-5)


def test_without_sacrebleu_the_error_names_the_remedy(monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name.startswith("sacrebleu"):
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModuleNotFoundError, match=r"vlatlas\[captions\]"):
        bleu(HAND, HAND_REFERENCES)


def test_wrong_inputs_are_named():
    with pytest.raises(ValueError, match="2 captions and 3 lists"):
        cider(HAND[:2], HAND_REFERENCES)
    with pytest.raises(ValueError, match="at least 2 images"):
        cider(HAND[:1], HAND_REFERENCES[:1])
    with pytest.raises(ValueError, match="numbers of references differ"):
        bleu(HAND, [["a"], ["a", "b"], ["c"]])
    with pytest.raises(ValueError, match="2 images and 3 captions"):
        caption_scores.clip_score(load("scenes-clip"), torch.ones(2, 64), HAND)
