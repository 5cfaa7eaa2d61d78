"""Every loss against loops over Python floats, open_clip's, and finite differences."""

import pytest
import reference
import torch

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss, SigLipLoss

TILES = [None, 1, 3, 64, "auto"]
CLIP_TILES = [*TILES, "keep"]
open_clip_loss = pytest.importorskip("open_clip.loss")


def gradients(loss, u, v, s, b=None):
    leaves = [x.clone().requires_grad_() for x in (u, v, s, *([] if b is None else [b]))]
    value = loss(*leaves)
    value.backward()
    return [value.detach(), *(x.grad for x in leaves)]


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("tile", CLIP_TILES)
def test_values_equal_the_loops(n, tile):
    u, v = reference.pairs(n)
    s, b = torch.tensor(3.7, dtype=torch.float64), torch.tensor(-1.3, dtype=torch.float64)
    assert ClipLoss(tile=tile)(u, v, s).item() == pytest.approx(reference.clip(u, v, 3.7), abs=1e-12)
    if tile == "keep":
        return
    assert SigLipLoss(tile=tile)(u, v, s, b).item() == pytest.approx(reference.sigmoid(u, v, 3.7, -1.3), abs=1e-12)


@pytest.mark.parametrize("group", [[0, 1, 2, 3, 4], [0, 0, 1, 2, 1], [5, 5, 5, 5, 5]])
def test_multi_positive_equals_the_loops(group):
    u, v = reference.pairs(5)
    s = torch.tensor(2.5, dtype=torch.float64)
    value = MultiPositiveClipLoss()(u, v, s, torch.tensor(group)).item()
    assert value == pytest.approx(reference.multi_positive(u, v, 2.5, group), abs=1e-12)
    if len(set(group)) == 5:
        assert value == pytest.approx(ClipLoss()(u, v, s).item(), abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 7, 64])
@pytest.mark.parametrize("tile", CLIP_TILES)
def test_clip_loss_takes_the_place_of_open_clips(n, tile):
    u, v = reference.pairs(n, 16)
    s, b = torch.tensor(14.3, dtype=torch.float64), torch.tensor(0.4, dtype=torch.float64)
    ours, theirs = ClipLoss(tile=tile), open_clip_loss.ClipLoss()
    for a, e in zip(gradients(ours, u, v, s), gradients(theirs, u, v, s), strict=True):
        torch.testing.assert_close(a, e, atol=1e-10, rtol=0)
    for a, e in zip(gradients(ours, u, v, s, b), gradients(theirs, u, v, s, b), strict=True):
        torch.testing.assert_close(a, e, atol=1e-10, rtol=0)
    assert ours(u, v, s, output_dict=True).keys() == theirs(u, v, s, output_dict=True).keys()


@pytest.mark.parametrize("n", [1, 2, 7, 64])
@pytest.mark.parametrize("tile", TILES)
def test_siglip_loss_takes_the_place_of_open_clips(n, tile):
    u, v = reference.pairs(n, 16)
    s, b = torch.tensor(10.0, dtype=torch.float64), torch.tensor(-10.0, dtype=torch.float64)
    ours, theirs = SigLipLoss(tile=tile), open_clip_loss.SigLipLoss()
    for a, e in zip(gradients(ours, u, v, s, b), gradients(theirs, u, v, s, b), strict=True):
        torch.testing.assert_close(a, e, atol=1e-10, rtol=0)
    assert ours(u, v, s, b, output_dict=True).keys() == theirs(u, v, s, b, output_dict=True).keys()


@pytest.mark.parametrize("tile", [None, 2, "keep"])
def test_gradcheck(tile):
    u, v = (x.requires_grad_() for x in reference.pairs(5, 3))
    s = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(-1.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ClipLoss(tile=tile), (u, v, s))
    if tile == "keep":
        return
    assert torch.autograd.gradcheck(SigLipLoss(tile=tile), (u, v, s, b))
    assert torch.autograd.gradcheck(lambda *x: MultiPositiveClipLoss()(*x, torch.tensor([0, 1, 0, 2, 1])), (u, v, s))


def test_permuting_the_pairs_changes_nothing():
    u, v = reference.pairs(9)
    s, b = torch.tensor(5.0, dtype=torch.float64), torch.tensor(-2.0, dtype=torch.float64)
    p = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    for tile in (None, 4):
        torch.testing.assert_close(ClipLoss(tile="keep")(u[p], v[p], s), ClipLoss(tile=tile)(u, v, s))
        torch.testing.assert_close(ClipLoss(tile=tile)(u[p], v[p], s), ClipLoss(tile=tile)(u, v, s))
        torch.testing.assert_close(SigLipLoss(tile=tile)(u[p], v[p], s, b), SigLipLoss(tile=tile)(u, v, s, b))
        torch.testing.assert_close(ClipLoss(tile=tile)(v, u, s), ClipLoss(tile=tile)(u, v, s))


def test_softmax_at_scale_zero_is_the_entropy_of_a_guess():
    u, v = reference.pairs(8)
    assert ClipLoss()(u, v, torch.tensor(0.0, dtype=torch.float64)).item() == pytest.approx(torch.log(torch.tensor(8.0)).item())
