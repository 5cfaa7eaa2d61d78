"""Float32 and half precision at extreme scales, against float64; bad input."""

import pytest
import reference
import torch

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss, SigLipLoss

open_clip_loss = pytest.importorskip("open_clip.loss")


def errors(loss, exact_loss, scale, bias=None, n=96, spread=1.0, dtype=torch.float32):
    """Largest absolute difference of value and of each gradient from float64."""

    def run(f, dtype):
        u, v = (x.to(torch.float32).to(dtype).requires_grad_() for x in reference.pairs(n, 32, spread=spread))
        rest = [torch.tensor(x, dtype=dtype, requires_grad=True) for x in ([scale] if bias is None else [scale, bias])]
        value = f(u, v, *rest)
        value.backward()
        return [t.detach().double() for t in (value, u.grad, v.grad, *(x.grad for x in rest))]

    return [(a - b).abs().max().item() for a, b in zip(run(loss, dtype), run(exact_loss, torch.float64), strict=True)]


@pytest.mark.parametrize("scale", [1.0, 14.0, 100.0])
@pytest.mark.parametrize("spread", [1.0, 0.05])  # 0.05: pairs all but solved, losses near zero
@pytest.mark.parametrize("tile", [None, 17])
def test_float32_is_no_worse_than_twice_open_clips(scale, spread, tile):
    floor = 2e-7 * max(1.0, scale)  # below this, rounding of the inputs decides
    ours = errors(ClipLoss(tile=tile), ClipLoss(tile=None), scale, spread=spread)
    theirs = errors(open_clip_loss.ClipLoss(), ClipLoss(tile=None), scale, spread=spread)
    for a, b in zip(ours, theirs, strict=True):
        assert a <= 2 * b + floor
    ours = errors(SigLipLoss(tile=tile), SigLipLoss(tile=None), scale, -10.0, spread=spread)
    theirs = errors(open_clip_loss.SigLipLoss(), SigLipLoss(tile=None), scale, -10.0, spread=spread)
    for a, b in zip(ours, theirs, strict=True):
        assert a <= 2 * b + floor * 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1.0, 100.0, 1e4])
@pytest.mark.parametrize("tile", [None, 5])
def test_extreme_scales_stay_finite(dtype, scale, tile):
    if dtype == torch.float16 and scale > 100:
        pytest.skip("a scale of 1e4 times a sum of cosines leaves float16's range of 65504 by design")
    u, v = (x.requires_grad_() for x in reference.pairs(12, 8, dtype=dtype))
    s, b = torch.tensor(scale, dtype=dtype, requires_grad=True), torch.tensor(-10.0, dtype=dtype, requires_grad=True)
    for value in (ClipLoss(tile=tile)(u, v, s), SigLipLoss(tile=tile)(u, v, s, b)):
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
