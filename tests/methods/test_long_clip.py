"""Stretching against exact fractions, components against an eigendecomposition, the loss against loops, and what each is for."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.long_clip import (
    LongClipLoss,
    LongText,
    interpolate,
    primary_components,
    random_components,
    stretch,
)
from vlatlas.models import CLIP, ClipConfig
from vlatlas.train import TrainConfig, train

WORDS = tuple("abcdefghij")


def tower():
    torch.manual_seed(0)
    sizes = dict(image_size=8, patch_size=4, width=8, depth=1, heads=1, text_width=8, text_depth=2, text_heads=2, embed_dim=6)
    return CLIP(ClipConfig(words=WORDS, context=8, **sizes)).eval()


@pytest.mark.parametrize(("T", "keep", "ratio"), [(77, 20, 4), (24, 16, 4), (5, 1, 3), (6, 6, 2), (9, 4, 1)])
def test_stretching_is_the_equation_in_exact_fractions(T, keep, ratio):
    e = torch.randn(T, 3, dtype=torch.float64)
    got = stretch(e, keep, ratio)
    length = keep + (T - keep) * ratio
    assert len(got) == length and (T, length) in ((77, 248), (24, 48), (5, 13), (6, 6), (9, 9))
    for p in range(1, length + 1):
        q = Fraction(p) if p <= keep else keep + Fraction(p - keep, ratio)
        a = float(q - math.floor(q))
        want = [(1 - a) * x + a * y for x, y in zip(e[math.floor(q) - 1].tolist(), e[math.ceil(q) - 1].tolist(), strict=True)]
        assert got[p - 1].tolist() == pytest.approx(want, rel=1e-12, abs=1e-14)
    assert torch.equal(got[:keep], e[:keep]) and torch.equal(got[-1], e[-1])


def test_interpolation_is_numpys_in_each_dimension_and_moves_the_early_positions():
    e = torch.randn(24, 5, dtype=torch.float64)
    got = interpolate(e, 48)
    for d in range(5):
        want = np.interp(np.linspace(0, 23, 48), np.arange(24), e[:, d].numpy())
        np.testing.assert_allclose(got[:, d].numpy(), want, rtol=0, atol=1e-12)
    assert not torch.allclose(got[1:16], e[1:16])


def test_sizes_that_cannot_be_are_refused():
    e = torch.randn(8, 3)
    for keep, ratio in ((0, 4), (9, 4), (3, 0)):
        with pytest.raises(ValueError, match="must be within 1..8"):
            stretch(e, keep, ratio)
    with pytest.raises(ValueError, match="two or more"):
        interpolate(e[:1], 4)
    with pytest.raises(ValueError, match="within 1..3"):
        primary_components(e, 4)
    with pytest.raises(ValueError, match="width is 8"):
        LongText(tower(), torch.randn(16, 7))


@pytest.mark.parametrize("k", [1, 3, 6])
def test_components_are_those_of_the_covariance(k):
    u = F.normalize(torch.randn(20, 6, generator=torch.Generator().manual_seed(k), dtype=torch.float64), dim=1)
    x = u.numpy() - u.numpy().mean(axis=0)
    values, vectors = np.linalg.eigh(x.T @ x)  # ascending
    top = vectors[:, ::-1][:, :k]
    np.testing.assert_allclose(primary_components(u, k).numpy(), u.numpy().mean(axis=0) + x @ top @ top.T, atol=1e-12)
    lost = (u - primary_components(u, k)).square().sum().item()
    assert lost == pytest.approx(values[: 6 - k].sum(), abs=1e-12)


def test_no_other_subspace_of_the_rank_keeps_more_and_random_ones_are_fixed_by_their_seed():
    u = torch.randn(30, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    best = (u - primary_components(u, 3)).square().sum()
    for seed in range(50):
        coarse = random_components(u, 3, seed)
        assert (u - coarse).square().sum() >= best and torch.linalg.matrix_rank(coarse - coarse.mean(dim=0)) == 3
        torch.testing.assert_close(random_components(coarse, 3, seed), coarse)  # a projection
    assert torch.equal(random_components(u, 3, 1), random_components(u, 3, 1))
    assert not torch.allclose(random_components(u, 3, 1), random_components(u, 3, 2))


def test_gradients_through_the_components_are_those_of_finite_differences():
    u = torch.randn(7, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: primary_components(x, 2), u)


def nce(u, v, scale, group):
    """The symmetric loss in loops; texts of one group are all right for each of its images, in equal shares."""
    n, out = len(u), 0.0
    z = [[scale * sum(a * b for a, b in zip(u[i], v[j], strict=True)) for j in range(n)] for i in range(n)]
    for i in range(n):
        friends = [j for j in range(n) if group[j] == group[i]]
        for row in (z[i], [z[j][i] for j in range(n)]):
            total = math.log(sum(math.exp(x) for x in row))
            out -= sum(row[j] - total for j in friends) / len(friends) / (2 * n)
    return out


def test_the_loss_is_the_papers_sum_in_loops():
    g = torch.Generator().manual_seed(0)
    u, t, ts = (F.normalize(torch.randn(6, 5, generator=g, dtype=torch.float64), dim=1) for _ in range(3))
    group, short = torch.arange(6), torch.tensor([0, 0, 1, 2, 2, 2])
    loss = LongClipLoss(lambda x: primary_components(x, 2), weight=0.3)
    got = loss(u, t, torch.tensor(7.0), group, ts, short)
    coarse = primary_components(u, 2)
    want = nce(u.tolist(), t.tolist(), 7.0, group.tolist()) + 0.3 * nce(coarse.tolist(), ts.tolist(), 7.0, short.tolist())
    assert got.item() == pytest.approx(want, rel=1e-9)
    assert loss(u, t, torch.tensor(7.0), group).item() == pytest.approx(nce(u.tolist(), t.tolist(), 7.0, range(6)), rel=1e-9)


def test_short_texts_are_read_as_before_when_stretched_and_not_when_interpolated():
    clip = tower()
    ids = clip.tokenizer(["a b c", "j i h g"])
    old = clip.text.position[0].detach()
    kept = LongText(clip, stretch(old, keep=5, ratio=4), keep=5).eval()
    assert kept.tokenizer.context == 17 and torch.equal(kept.encode_text(ids), clip.encode_text(ids))
    spread = LongText(clip, interpolate(old, 17)).eval()
    assert not torch.allclose(spread.encode_text(ids), clip.encode_text(ids), atol=1e-3)
    long = kept.tokenizer(["a b c d e f g h i j a b c d e f"])
    assert kept.encode_text(long).shape == (1, 6)
    with pytest.raises(ValueError, match="context is 8"):
        clip.encode_text(long)


def test_training_leaves_the_kept_positions_and_the_towers_it_came_from():
    clip = tower()
    before = {n: p.clone() for n, p in clip.named_parameters()}
    model = LongText(clip, stretch(clip.text.position[0].detach(), 5, 4), keep=5)
    ids = model.tokenizer(["a b c d e f g h", "b a", "c d e f g h i j a b", "d"])
    short, u = model.tokenizer(["a", "b", "c", "d"]), torch.eye(6)[:4]
    further = {"group": torch.arange(4), "short_group": torch.arange(4)}
    start = model.text.position.detach().clone()
    config = TrainConfig(3, 4, 1e-2, weight_decay=0.5)
    train(model, lambda step: (u, ids, short, further), LongClipLoss(), config, "cpu", progress=False)
    now = model.text.position.detach()
    assert torch.equal(now[:, :5], start[:, :5]) and not torch.isclose(now[:, 5:], start[:, 5:]).all(dim=-1).any()
    assert all(torch.equal(p, before[n]) for n, p in clip.named_parameters())


def test_images_whose_detail_lies_in_small_directions_are_told_apart_by_the_long_text_alone():
    """Four images: a large direction that the summary names, a small one that only the long text names."""
    u = F.normalize(torch.tensor([[1.0, 0.2, 1, 0], [1, -0.2, 1, 0], [-1, 0.2, 1, 0], [-1, -0.2, 1, 0]]), dim=1)
    coarse = primary_components(u, 1)
    torch.testing.assert_close(coarse[0], coarse[1])  # the small direction is gone
    torch.testing.assert_close(coarse[2], coarse[3])
    assert (coarse[0] - coarse[2]).norm() > 1
    texts = F.normalize(u.clone(), dim=1)
    loss, scale, all_differ = LongClipLoss(lambda x: primary_components(x, 1)), torch.tensor(50.0), torch.arange(4)
    right = loss(u, texts, scale, all_differ, coarse, torch.tensor([0, 0, 1, 1]))
    blurred = loss(u, coarse, scale, all_differ, coarse, torch.tensor([0, 0, 1, 1]))
    assert right < blurred - 0.3
