"""Float32 and half precision at extreme scales, against float64; bad input."""

import pytest
import reference
import torch

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss, SigLipLoss
from vlatlas.losses.tiles import choose_tile

open_clip_loss = pytest.importorskip("open_clip.loss")


def errors(loss, exact_loss, scale, bias=None, n=96, spread=1.0, dtype=torch.float32, seed=0):
    """Largest absolute difference of value and of each gradient from float64."""

    def run(f, dtype):
        u, v = (x.to(torch.float32).to(dtype).requires_grad_() for x in reference.pairs(n, 32, seed, spread=spread))
        rest = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in ([scale] if bias is None else [scale, bias])]
        value = f(u, v, *rest)
        value.backward()
        return [t.detach().double() for t in (value, u.grad, v.grad, *(x.grad for x in rest))]

    return [(a - b).abs().max().item() for a, b in zip(run(loss, dtype), run(exact_loss, torch.float64), strict=True)]


@pytest.mark.parametrize("scale", [1.0, 14.0, 100.0])
@pytest.mark.parametrize("spread", [1.0, 0.05])  # 0.05: pairs all but solved, losses near zero
@pytest.mark.parametrize("tile", [None, 17, "keep"])
@pytest.mark.parametrize("n", [1, 31, 96])
def test_float32_is_no_worse_than_twice_open_clips(scale, spread, tile, n):
    """Root mean square over eight draws, of value and of each gradient: one draw says little about rounding.

    The floor is half a unit in the last place of the value, or of a gradient of size s / n: no float32 result can be
    asked to be closer than that.
    """

    def rms(loss, exact, *rest):
        rows = [errors(loss, exact, scale, *rest, n=n, spread=spread, seed=seed) for seed in range(8)]
        return [(sum(x * x for x in column) / 8) ** 0.5 for column in zip(*rows, strict=True)]

    half = 2.0**-24
    floors = [8 * half, scale * half / n, scale * half / n, half, half]
    cases = [(ClipLoss(tile=tile), open_clip_loss.ClipLoss(), ClipLoss(tile=None), ())]
    if tile != "keep":
        cases.append((SigLipLoss(tile=tile), open_clip_loss.SigLipLoss(), SigLipLoss(tile=None), (-10.0,)))
    for loss, rival, exact, rest in cases:
        for a, b, floor in zip(rms(loss, exact, *rest), rms(rival, exact, *rest), floors, strict=False):
            assert a <= 2 * b + floor


def test_a_kept_matrix_or_blocks_lose_no_digits_of_a_solved_batch():
    """Where plain cross-entropy in float32 is off by an eighth of the loss, the sum over the others is not."""
    u, v = reference.pairs(700, 64, spread=0.05)
    u, v, s = u.float(), v.float(), torch.tensor(24.0)
    exact = ClipLoss(tile=None)(u.double(), v.double(), s.double()).item()
    assert exact < 1e-5
    for tile in (100, "keep"):
        assert ClipLoss(tile=tile)(u, v, s).item() == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("tile", [5, "keep"])
@pytest.mark.parametrize("scale", [90.0, 1000.0])
def test_rows_that_are_all_far_apart_fall_back_to_the_careful_rule(tile, scale):
    """Opposite images and texts: every logit of some rows is near -s, where one shift for all would underflow."""
    u, v = reference.pairs(12, 6)
    v[:] = v[0]
    u[:6], u[6:] = -v[:6], v[6:]
    u = torch.nn.functional.normalize(u + 1e-3 * torch.arange(12.0, dtype=u.dtype)[:, None], dim=1)
    for dtype, tolerance in ((torch.float64, 1e-9), (torch.float32, 2e-4)):
        results = []
        for loss in (ClipLoss(tile=None), ClipLoss(tile=tile)):
            a, b = (x.to(dtype).clone().requires_grad_() for x in (u, v))
            value = loss(a, b, torch.tensor(scale, dtype=dtype))
            value.backward()
            results.append((value.detach(), a.grad / scale, b.grad / scale))
        for x, y in zip(*results, strict=True):
            torch.testing.assert_close(x, y, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("loss", [ClipLoss(tile=3), ClipLoss(tile="keep"), SigLipLoss(tile=3)])
def test_backward_twice_gives_the_same_gradients(loss):
    u, v = (x.requires_grad_() for x in reference.pairs(8))
    s, b = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (5.0, -2.0))
    value = 3.0 * loss(u, v, s, b)
    first = torch.autograd.grad(value, (u, v, s, b), retain_graph=True)
    kept = [x.clone() for x in first]
    second = torch.autograd.grad(value, (u, v, s, b))
    for x, y, k in zip(first, second, kept, strict=True):
        assert torch.equal(x, k) and torch.equal(y, k)


@pytest.mark.parametrize("make, tile", [(ClipLoss, 3), (ClipLoss, "keep"), (SigLipLoss, 3)])
def test_half_precision_features_are_multiplied_and_summed_in_float32(make, tile):
    """Under autocast as well: the value is that of the rounded features, not of rounded logits."""
    u, v = reference.pairs(24, 16, dtype=torch.bfloat16)
    s, b = torch.tensor(30.0), torch.tensor(-10.0)
    exact = make(tile=None)(u.double(), v.double(), s.double(), b.double()).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = make(tile=tile)(u, v, s, b)
    assert value.dtype == torch.float32 and value.item() == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0, 1e4])
@pytest.mark.parametrize("tile", [None, 5, "keep"])
def test_extreme_scales_stay_finite(dtype, scale, tile):
    u, v = (x.requires_grad_() for x in reference.pairs(12, 8, dtype=dtype))
    s, b = torch.tensor(scale, dtype=dtype, requires_grad=True), torch.tensor(-10.0, dtype=dtype, requires_grad=True)
    for value in (ClipLoss(tile=tile)(u, v, s), SigLipLoss(tile="auto" if tile == "keep" else tile)(u, v, s, b)):
        value.backward()
        assert torch.isfinite(value)
    assert all(torch.isfinite(x.grad).all() for x in (u, v, s, b))


@pytest.mark.parametrize("tile", [None, 3])
def test_duplicates_and_zero_vectors(tile):
    u = torch.zeros(6, 4, dtype=torch.float64)
    s, b = torch.tensor(100.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    assert ClipLoss(tile=tile)(u, u, s).item() == pytest.approx(torch.log(torch.tensor(6.0)).item())
    assert SigLipLoss(tile=tile)(u, u, s, b).item() == pytest.approx(6 * torch.log(torch.tensor(2.0)).item())


@pytest.mark.parametrize("tile", [None, 3])
def test_not_a_number_is_not_hidden(tile):
    u, v = reference.pairs(6)
    u[2, 1] = float("nan")
    s, b = torch.tensor(10.0, dtype=torch.float64), torch.tensor(-10.0, dtype=torch.float64)
    assert torch.isnan(ClipLoss(tile=tile)(u, v, s)) and torch.isnan(SigLipLoss(tile=tile)(u, v, s, b))


@pytest.mark.parametrize("loss", [ClipLoss(), SigLipLoss()])
def test_bad_input_is_named(loss):
    s = torch.tensor(1.0)
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(2, 4\)"):
        loss(torch.ones(3, 4), torch.ones(2, 4), s, s)
    with pytest.raises(ValueError, match="empty batch"):
        loss(torch.ones(0, 4), torch.ones(0, 4), s, s)
    with pytest.raises(NotImplementedError, match="torchrun"):
        type(loss)(use_horovod=True)
    with pytest.raises(ValueError, match="tile 0"):
        type(loss)(tile=0)
    with pytest.raises(RuntimeError, match="2 processes.*init_process_group"):
        type(loss)(world_size=2)(torch.ones(2, 4), torch.ones(2, 4), s, s)


def test_missing_bias_and_groups_are_named():
    with pytest.raises(ValueError, match="init_logit_bias"):
        SigLipLoss()(torch.ones(2, 4), torch.ones(2, 4), torch.tensor(1.0))
    with pytest.raises(ValueError, match=r"group \(3,\)"):
        MultiPositiveClipLoss()(torch.ones(2, 4), torch.ones(2, 4), torch.tensor(1.0), torch.zeros(3))


def test_tiles_keep_no_matrix():
    """What autograd saves for the backward pass grows with N, not with N^2."""

    def saved(loss, n, extra):
        u, v = (x.requires_grad_() for x in reference.pairs(n, 8, dtype=torch.float32))
        sizes = {}

        def pack(x):
            sizes[x.data_ptr()] = x.numel()
            return x

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
            loss(u, v, torch.tensor(10.0), *extra)
        return sum(sizes.values())

    for make, extra in ((ClipLoss, ()), (SigLipLoss, (torch.tensor(-10.0),))):
        assert saved(make(tile=None), 256, extra) > 256**2
        assert saved(make(tile=16), 256, extra) < 256 * 8 * 6
    assert saved(ClipLoss(tile="keep"), 256, ()) < 256 * 8 * 6  # the matrix lives during the forward pass alone


def test_auto_goes_by_size():
    assert choose_tile("auto", 512, 512) is None
    assert choose_tile("auto", 1024, 1024) == "keep" and choose_tile("auto", 4096, 4096) == "keep"
    assert choose_tile("auto", 4096, 4097) == 512 and choose_tile("auto", 100, 10**7) == 512
    assert choose_tile("auto", 1024, 1024, keep=False) == 512
    with pytest.raises(ValueError, match="tile 'keep'"):
        SigLipLoss(tile="keep")
    with pytest.raises(ValueError, match="dist_impl 'rings'"):
        ClipLoss(dist_impl="rings")
    with pytest.raises(ValueError, match="dist_impl 'rings'.*shift"):
        SigLipLoss(dist_impl="rings")
