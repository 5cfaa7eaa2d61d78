"""NegCLIP's loss against loops over floats, and its swaps against swaps of what the captions state."""

import math
import random
import re

import pytest
import torch
import torch.nn.functional as F

from vlatlas.data.scenes import World
from vlatlas.data.scenes.english import TEMPLATES, realise
from vlatlas.data.scenes.negatives import swap_attribute, swap_relation
from vlatlas.data.scenes.parse import parse
from vlatlas.losses import ClipLoss
from vlatlas.methods.negclip import DISORDERS, KINDS, SHARES, NegClipLoss, disordered, hard_images, negclip_loss, swapped

PAIRS = World(objects=(2, 2)).batch(3, range(120))
SCALE = torch.tensor(3.1, dtype=torch.float64)


def features(*sizes, d=5, seed=0):
    g = torch.Generator().manual_seed(seed)
    return [F.normalize(torch.randn(n, d, generator=g, dtype=torch.float64), dim=1) for n in sizes]


def loops(u, v, w, s):
    u, v, w = (x.tolist() for x in (u, v, w))
    e = lambda a, b: math.exp(s * sum(x * y for x, y in zip(a, b, strict=True)))  # noqa: E731
    total = 0.0
    for i in range(len(u)):
        total -= math.log(e(u[i], v[i]) / (sum(e(u[i], t) for t in v) + sum(e(u[i], t) for t in w)))
        total -= math.log(e(u[i], v[i]) / sum(e(p, v[i]) for p in u))
    return total / (2 * len(u))


@pytest.mark.parametrize(("n", "m"), [(1, 0), (1, 1), (2, 3), (6, 6), (4, 9)])
def test_the_loss_equals_the_loops(n, m):
    u, v, w = features(n, n, m)
    assert NegClipLoss()(u, v, SCALE, w).item() == pytest.approx(loops(u, v, w, 3.1), abs=1e-12)


def test_gradcheck():
    inputs = [x.requires_grad_() for x in (*features(4, 4, 6), SCALE.clone())]
    assert torch.autograd.gradcheck(negclip_loss, inputs)


def test_without_false_captions_it_is_clips():
    u, v, w = features(6, 6, 0)
    clip = ClipLoss()(u, v, SCALE)
    torch.testing.assert_close(NegClipLoss()(u, v, SCALE), clip)
    torch.testing.assert_close(NegClipLoss()(u, v, SCALE, w), clip)


def test_who_cannot_read_order_pays_half_of_log_two():
    """A text encoder that ignores order gives a swapped caption the caption's own feature."""
    u, v = features(7, 7)
    torch.testing.assert_close(NegClipLoss()(u, v, SCALE, v) - ClipLoss()(u, v, SCALE), torch.tensor(math.log(2) / 2).double())


def test_a_false_caption_repels_its_images_and_nothing_attracts_it():
    u, v, w = features(3, 3, 1)
    w.requires_grad_()
    NegClipLoss()(u, v, SCALE, w).backward()
    assert all((-w.grad[0] @ image).item() < 0 for image in u if (image @ w[0]).item() > 0.2)
    share = torch.cat([SCALE * u @ v.T, SCALE * u @ w.T], dim=1).softmax(dim=1)[:, 3]
    torch.testing.assert_close(w.grad[0], (SCALE * share[:, None] * u).sum(dim=0).detach() / 6)


def test_bad_shapes_are_refused():
    u, v, w = features(3, 3, 2)
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        NegClipLoss()(u, v, SCALE, w[:, :4])
    with pytest.raises(ValueError, match="empty batch"):
        NegClipLoss()(u[:0], v[:0], SCALE)


@pytest.mark.parametrize("template", range(len(TEMPLATES)))
def test_swaps_of_words_are_swaps_of_what_is_said(template):
    for statement in PAIRS.statements:
        text = realise(statement, template)
        for kind in ("size", "colour", "texture"):
            expected = swap_attribute(statement, kind)
            assert swapped(text, kind) == (expected and realise(expected, template))
        assert swapped(text, "noun") == realise(swap_attribute(statement, "shape"), template)
        if statement.relations:
            assert swapped(text, "phrase") == realise(swap_relation(statement), template)


def test_no_swap_is_true_of_its_scene():
    for text, statement, scene in zip(PAIRS.captions, PAIRS.statements, PAIRS.graphs, strict=True):
        assert statement.true_of(scene)
        for kind in KINDS if statement.relations else KINDS[:-1]:
            false = swapped(text, kind)
            assert false is None or not parse(false).true_of(scene), (text, false)


def test_a_swap_keeps_the_bag_of_words():
    bag = lambda t: sorted("a" if w in ("a", "an") else w for w in re.findall(r"\w+", t))  # noqa: E731
    for text in PAIRS.captions[:40]:
        for false in filter(None, (swapped(text, k) for k in KINDS)):
            assert bag(false) == bag(text) and false != text


def test_what_cannot_be_swapped():
    assert swapped("a picture of a red star.", "noun") is None
    assert swapped("a red star left of a red ring.", "colour") is None
    assert swapped("a red star left of an orange ring.", "colour") == "an orange star left of a red ring."
    assert swapped("a red star left of a ring.", "colour") is None
    assert swapped("an orange star, an image of a ring.", "phrase") == "a ring, an image of an orange star."
    with pytest.raises(ValueError, match="'verb'"):
        swapped("a star left of a ring.", "verb")


def test_nouns_adjectives_and_phrases_are_swapped_alike_often():
    assert sum(SHARES.values()) == pytest.approx(1)
    assert SHARES["noun"] == SHARES["phrase"] == pytest.approx(sum(SHARES[k] for k in ("size", "colour", "texture")))


TEXT = "a large red striped star left of a small blue plain ring on a dark background."
ADJECTIVES = {"large", "red", "striped", "small", "blue", "plain"}


@pytest.mark.parametrize("how", DISORDERS)
def test_disorder_keeps_the_words_and_is_never_the_sentence(how):
    seen = {disordered(TEXT, how, random.Random(i)) for i in range(150)}
    assert TEXT not in seen and len(seen) > 20 and all(t.endswith(".") and t.count(".") == 1 for t in seen)
    assert {tuple(sorted(t.rstrip(".").split())) for t in seen} == {tuple(sorted(TEXT.rstrip(".").split()))}
    assert disordered(TEXT, how, random.Random(5)) == disordered(TEXT, how, random.Random(5))


def test_each_disorder_leaves_alone_what_it_says():
    words = TEXT.rstrip(".").split()
    content = [1, 2, 3, 4, 8 + 1, 8 + 2, 8, 8 + 3]
    rest = [i for i in range(len(words)) if i not in content]
    triples = [words[i : i + 3] for i in range(0, len(words), 3)]
    for i in range(60):
        found = {how: disordered(TEXT, how, random.Random(i)).rstrip(".").split() for how in DISORDERS}
        assert [found["content"][k] for k in rest] == [words[k] for k in rest]
        assert {found["content"][4], found["content"][11]} == {"star", "ring"}
        assert {*found["content"][1:4], *found["content"][8:11]} == ADJECTIVES
        assert [found["rest"][k] for k in content] == [words[k] for k in content]
        kept = found["within trigrams"]
        assert all(sorted(kept[3 * k : 3 * k + 3]) == sorted(t) for k, t in enumerate(triples))
        blocks = " ".join(found["trigrams"])
        assert all(" ".join(t) in blocks for t in triples)


def test_what_cannot_be_disordered():
    with pytest.raises(ValueError, match="no other order of 'a star.'"):
        disordered("a star.", "content", random.Random(0))
    with pytest.raises(ValueError, match="'words'"):
        disordered(TEXT, "words", random.Random(0))


def test_hard_images_are_the_nearest_others():
    (u,) = features(30, d=4)
    cosine = (u @ u.T).fill_diagonal_(-torch.inf)
    assert torch.equal(hard_images(u, 3), cosine.argsort(dim=1, descending=True)[:, :3])


def test_an_image_is_not_its_own_neighbour_among_twins():
    (u,) = features(6)
    found = hard_images(torch.cat([u, u, u, u]), 2)
    own = torch.arange(24)[:, None]
    assert found.shape == (24, 2) and (found != own).all() and (found % 6 == own % 6).all()
