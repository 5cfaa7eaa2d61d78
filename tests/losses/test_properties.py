"""What holds for any batch: symmetry, permutation, limits of the scale, blocks equal to the whole; half precision is right,
not only finite."""

import math

import pytest
import reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss, SigLipLoss

ANY = settings(max_examples=60, deadline=None)
SIZES = st.integers(1, 17)
SCALES = st.floats(0, 200)


def scalar(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64)


def near(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, atol=1e-9, rtol=1e-9)


@ANY
@given(SIZES, SCALES, st.floats(-20, 20), st.integers(0, 9), st.sampled_from([None, 1, 3, 5]))
def test_a_permutation_or_an_exchange_of_the_sides_changes_nothing(n, s, b, seed, tile):
    u, v = reference.pairs(n, seed=seed)
    p = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    clip, siglip = ClipLoss(tile=tile), SigLipLoss(tile=tile)
    for a, c in (((u[p], v[p]), (u, v)), ((v, u), (u, v))):
        near(clip(*a, scalar(s)), clip(*c, scalar(s)))
        near(siglip(*a, scalar(s), scalar(b)), siglip(*c, scalar(s), scalar(b)))
    group = torch.arange(n) % 3
    near(MultiPositiveClipLoss()(u[p], v[p], scalar(s), group[p]), MultiPositiveClipLoss()(u, v, scalar(s), group))


@ANY
@given(SIZES, SCALES, st.integers(0, 9))
def test_gradients_follow_a_permutation(n, s, seed):
    u, v = (x.requires_grad_() for x in reference.pairs(n, seed=seed))
    p = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    for loss in (lambda a, c: ClipLoss()(a, c, scalar(s)), lambda a, c: SigLipLoss()(a, c, scalar(s), scalar(-1.0))):
        straight = torch.autograd.grad(loss(u, v), (u, v))
        permuted = torch.autograd.grad(loss(u[p], v[p]), (u, v))  # with respect to the rows in their old places
        for a, c in zip(straight, permuted, strict=True):
            near(a, c)


@ANY
@given(SIZES, SCALES, st.floats(-20, 20), st.integers(1, 20), st.integers(0, 9))
def test_blocks_give_what_the_whole_matrix_gives(n, s, b, tile, seed):
    u, v = (x.requires_grad_() for x in reference.pairs(n, seed=seed))
    for make, rest in ((ClipLoss, [scalar(s)]), (SigLipLoss, [scalar(s), scalar(b)])):
        whole, blocks = make(tile=None)(u, v, *rest), make(tile=tile)(u, v, *rest)
        near(whole, blocks)
        for a, c in zip(torch.autograd.grad(whole, (u, v)), torch.autograd.grad(blocks, (u, v)), strict=True):
            near(a, c)


@pytest.mark.parametrize("n", [1, 2, 8])
@pytest.mark.parametrize("tile", [None, 3])
def test_limits_of_the_scale(n, tile):
    """At scale 0 every guess is as good: log N, and N log 2 without a bias. At a large scale solved pairs cost nothing, and
    pairs in the wrong order cost the scale times the gap."""
    eye = torch.eye(n, 8, dtype=torch.float64)
    zero, large = scalar(0.0), scalar(1e4)
    clip, siglip = ClipLoss(tile=tile), SigLipLoss(tile=tile)
    u, v = reference.pairs(n, 8)
    assert clip(u, v, zero).item() == pytest.approx(math.log(n), abs=1e-12)
    assert siglip(u, v, zero, zero).item() == pytest.approx(n * math.log(2))
    assert clip(eye, eye, large).item() == pytest.approx(0, abs=1e-12)
    assert siglip(eye, eye, large, scalar(-5e3)).item() == pytest.approx(0, abs=1e-12)
    if n > 1:
        wrong = eye.roll(1, dims=0)
        assert clip(eye, wrong, large).item() == pytest.approx(1e4)
        assert siglip(eye, wrong, large, zero).item() == pytest.approx(1e4 + math.log(2) * (n - 1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0, 1e4])
@pytest.mark.parametrize("n", [1, 2, 12])
@pytest.mark.parametrize("tile", [None, 5])
def test_half_precision_is_right(dtype, scale, n, tile):
    """Values against float64 on the same rounded features; a logit of size s is rounded by s times the type's epsilon."""
    u, v = reference.pairs(n, 8, dtype=dtype)
    exact_u, exact_v, s, b = u.double(), v.double(), torch.tensor(scale, dtype=dtype), torch.tensor(-10.0, dtype=dtype)
    slack = 4 * torch.finfo(dtype).eps * max(1.0, scale)
    ours, exact = ClipLoss(tile=tile)(u, v, s).double(), ClipLoss(tile=None)(exact_u, exact_v, s.double())
    assert abs(ours - exact) <= slack + 1e-3 * abs(exact)
    if dtype == torch.float16 and scale > 100 and tile is None and n > 2:
        return  # the sum of a whole matrix of such logits leaves float16's range of 65504; in blocks it is exact
    ours, exact = SigLipLoss(tile=tile)(u, v, s, b).double(), SigLipLoss(tile=None)(exact_u, exact_v, s.double(), b.double())
    assert abs(ours - exact) <= n * slack + 1e-2 * abs(exact)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tile", [None, 2])
def test_duplicates_and_zero_vectors_have_gradients(dtype, tile):
    for rows in (torch.zeros(4, 8), torch.eye(1, 8).repeat(4, 1)):
        u, v = (rows.to(dtype).clone().requires_grad_() for _ in range(2))
        s, b = torch.tensor(100.0, dtype=dtype), torch.tensor(-10.0, dtype=dtype)
        value = ClipLoss(tile=tile)(u, v, s) + SigLipLoss(tile=tile)(u, v, s, b)
        value.backward()
        assert torch.isfinite(value) and torch.isfinite(u.grad).all() and torch.isfinite(v.grad).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("tile", [None, 2])
def test_what_is_not_finite_is_never_turned_into_a_number(bad, tile):
    u, v = reference.pairs(6)
    s, b = scalar(10.0), scalar(-10.0)
    for place in ("feature", "scale"):
        w, t = u.clone(), s.clone()
        if place == "feature":
            w[2, 1] = bad
        else:
            t = scalar(bad)
        for value in (ClipLoss(tile=tile)(w, v, t), SigLipLoss(tile=tile)(w, v, t, b)):
            assert not torch.isfinite(value), place
    w = u.clone()
    w[2, 1] = bad
    assert not torch.isfinite(MultiPositiveClipLoss()(w, v, s, torch.tensor([0, 0, 1, 1, 2, 2])))
