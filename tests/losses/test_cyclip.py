"""CyCLIP's penalties against loops over floats, finite differences and the geometry that they are meant to ask for."""

import pytest
import reference
import torch
import torch.nn.functional as F

from vlatlas.losses import ClipLoss, MultiPositiveClipLoss
from vlatlas.losses.cyclip import CyClipLoss, MispairedCyClipLoss, cross_modal_penalty, in_modal_penalty

SCALE = torch.tensor(4.2, dtype=torch.float64)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def loops(u, v):
    """(in-modal, cross-modal), entry by entry."""
    u, v, n = u.tolist(), v.tolist(), len(u)
    pairs = [(j, k) for j in range(n) for k in range(n)]
    inside = sum((dot(u[j], u[k]) - dot(v[j], v[k])) ** 2 for j, k in pairs)
    across = sum((dot(u[j], v[k]) - dot(u[k], v[j])) ** 2 for j, k in pairs)
    return inside / n, across / n


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("weights", [(0.25, 0.25), (0.5, 0.0), (0.0, 2.0), (0.0, 0.0)])
def test_the_loss_equals_the_loops(n, weights):
    u, v = reference.pairs(n)
    inside, across = loops(u, v)
    expected = reference.clip(u, v, 4.2) + weights[0] * inside + weights[1] * across
    assert CyClipLoss(*weights)(u, v, SCALE).item() == pytest.approx(expected, abs=1e-12)
    group = torch.arange(n) // 2
    parts = CyClipLoss(*weights)(u, v, SCALE, output_dict=True, group=group)
    torch.testing.assert_close(parts["contrastive_loss"], MultiPositiveClipLoss()(u, v, SCALE, group))
    assert set(parts) == {
        "contrastive_loss",
        *(n for n, w in zip(("in_modal_loss", "cross_modal_loss"), weights, strict=True) if w),
    }
    assert sum(parts.values()).item() == pytest.approx(CyClipLoss(*weights)(u, v, SCALE, group=group).item(), abs=1e-12)


def test_it_is_the_official_expression():
    """Mean over the entries of squared differences of *logits*, over the squared scale, times the batch size."""
    u, v = reference.pairs(6)
    s = 30.0
    inside = (s * u @ u.T - s * v @ v.T).square().mean() / (s * s) * 6
    across = (s * u @ v.T - s * v @ u.T).square().mean() / (s * s) * 6
    torch.testing.assert_close(in_modal_penalty(u, v), inside)
    torch.testing.assert_close(cross_modal_penalty(u, v), across)


def test_gradcheck():
    u, v = (x.requires_grad_() for x in reference.pairs(4, 3))
    s = SCALE.clone().requires_grad_()
    assert torch.autograd.gradcheck(CyClipLoss(0.7, 0.3), (u, v, s))
    assert torch.autograd.gradcheck(lambda *x: CyClipLoss()(*x, group=torch.tensor([0, 1, 1, 2])), (u, v, s))


def test_the_scale_gets_no_gradient_from_the_penalties():
    u, v = reference.pairs(5)
    gradients = []
    for loss in (ClipLoss(), CyClipLoss()):
        s = SCALE.clone().requires_grad_()
        loss(u, v, s).backward()
        gradients.append(s.grad)
    torch.testing.assert_close(*gradients)


def test_a_reflection_of_the_images_costs_nothing_and_a_rotation_costs_the_cross_modal_term():
    g = torch.Generator().manual_seed(1)
    u = F.normalize(torch.randn(9, 4, generator=g, dtype=torch.float64), dim=1)
    basis = torch.linalg.qr(torch.randn(4, 4, generator=g, dtype=torch.float64))[0]
    mirror = basis @ torch.diag(torch.tensor([1.0, 1.0, -1.0, -1.0], dtype=torch.float64)) @ basis.T
    for R, across_is_zero in ((mirror, True), (basis, False)):
        assert in_modal_penalty(u, u @ R).item() == pytest.approx(0, abs=1e-20)
        assert (cross_modal_penalty(u, u @ R).item() < 1e-20) is across_is_zero


def test_a_constant_gap_between_the_modalities_costs_nothing():
    """u = a + d, v = a - d with d orthogonal to every a, as on the page."""
    a = F.normalize(torch.randn(8, 5, generator=torch.Generator().manual_seed(2), dtype=torch.float64), dim=1) * 0.6
    a, d = F.pad(a, (0, 1)), F.pad(torch.tensor([0.8], dtype=torch.float64), (5, 0))
    u, v = a + d, a - d
    torch.testing.assert_close(u.norm(dim=1), torch.ones(8).double())
    assert in_modal_penalty(u, v).item() < 1e-20 and cross_modal_penalty(u, v).item() < 1e-20
    assert (u.mean(dim=0) - v.mean(dim=0)).norm().item() == pytest.approx(1.6)


def test_a_step_down_either_penalty_brings_the_symmetry_nearer():
    for penalty in (in_modal_penalty, cross_modal_penalty):
        u, v = (x.clone().requires_grad_() for x in reference.pairs(12, 8))
        before = penalty(u, v)
        before.backward()
        after = penalty(*(F.normalize((x - 0.01 * x.grad).detach(), dim=1) for x in (u, v)))
        assert after < before


def test_mispaired_penalties_are_those_of_permuted_texts_and_leave_the_pairs_alone():
    u, v = reference.pairs(10)
    torch.manual_seed(3)
    parts = MispairedCyClipLoss()(u, v, SCALE, output_dict=True)
    torch.manual_seed(3)
    inside, across = loops(u, v[torch.randperm(10)])
    assert parts["in_modal_loss"].item() == pytest.approx(inside / 4) and parts["cross_modal_loss"].item() == pytest.approx(
        across / 4
    )
    torch.testing.assert_close(parts["contrastive_loss"], ClipLoss()(u, v, SCALE))
    assert parts["in_modal_loss"].item() != pytest.approx(loops(u, v)[0] / 4)


def test_what_is_refused():
    u, v = reference.pairs(3)
    with pytest.raises(ValueError, match="-1"):
        CyClipLoss(-1)
    with pytest.raises(ValueError, match=r"\(2, 6\)"):
        CyClipLoss()(u, v[:2], SCALE)
    with pytest.raises(ValueError, match="empty batch"):
        CyClipLoss()(u[:0], v[:0], SCALE)
    with pytest.raises(ValueError, match=r"group \(2,\)"):
        CyClipLoss()(u, v, SCALE, group=torch.tensor([0, 1]))


def test_a_bias_cancels():
    u, v = reference.pairs(4)
    b = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    value = CyClipLoss()(u, v, SCALE, b)
    value.backward()
    torch.testing.assert_close(value, CyClipLoss()(u, v, SCALE))
    assert b.grad == 0
