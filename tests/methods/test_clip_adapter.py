"""CLIP-Adapter against loops in float64, and what the residual ratio does."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.clip_adapter import ClipAdapter, clip_adapter

C, D = 3, 8


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    w, u = (F.normalize(torch.randn(n, D, generator=generator, dtype=torch.float64), dim=1) for n in (C, 12))
    return w, u, torch.arange(C).repeat_interleave(4)


def test_the_logits_are_the_equations_by_loops(case):
    w, u, _ = case
    model = ClipAdapter(w, scale=20.0, alpha=0.3, reduction=4, seed=5).double()
    w1, w2 = model.down.weight.detach().T, model.up.weight.detach().T  # (D, D/4), (D/4, D)
    got = model(u)
    for b in range(3):
        hidden = [max(0.0, sum(float(u[b, d] * w1[d, h]) for d in range(D))) for h in range(D // 4)]
        a = [max(0.0, sum(hidden[h] * float(w2[h, d]) for h in range(D // 4))) for d in range(D)]
        blend = [0.3 * a[d] + 0.7 * float(u[b, d]) for d in range(D)]
        norm = sum(x * x for x in blend) ** 0.5
        for c in range(C):
            expected = 20.0 * sum(float(w[c, d]) * blend[d] / norm for d in range(D))
            assert got[b, c].item() == pytest.approx(expected, abs=1e-12)


def test_gradients_are_those_of_finite_differences(case):
    w, u, _ = case
    model = ClipAdapter(w, 20.0, 0.3).double()
    parameters = [p.detach().clone().requires_grad_(True) for p in model.parameters()]

    def logits(down, up):
        return torch.func.functional_call(model, {"down.weight": down, "up.weight": up}, (u,))

    assert torch.autograd.gradcheck(logits, parameters)


def test_ratio_0_is_zero_shot_clip_and_ratio_1_has_forgotten_the_feature(case):
    w, u, _ = case
    torch.testing.assert_close(ClipAdapter(w, 20.0, alpha=0.0).double()(u), 20.0 * u @ w.T)
    alone = ClipAdapter(w, 20.0, alpha=1.0).double()
    assert bool((alone.adapted(u) >= 0).all())  # the last ReLU: nothing of the feature's signs is left
    assert not bool((u >= 0).all())


def test_training_moves_the_two_matrices_alone_and_lowers_the_loss(case):
    w, u, y = (x.float() if x.is_floating_point() else x for x in case)
    task = SimpleNamespace(w=w.clone(), scale=5.0)
    start, end = clip_adapter(task, u, y, alpha=0.6, epochs=0), clip_adapter(task, u, y, alpha=0.6, lr=1e-2, epochs=60)
    assert F.cross_entropy(end(u), y) < 0.8 * F.cross_entropy(start(u), y)
    assert torch.equal(task.w, w) and not torch.equal(start.down.weight, end.down.weight)
    assert torch.equal(clip_adapter(task, u, y, seed=1, epochs=0).up.weight, clip_adapter(task, u, y, seed=1, epochs=0).up.weight)
    assert not torch.equal(clip_adapter(task, u, y, seed=2, epochs=0).up.weight, start.up.weight)


def test_other_classes_meet_the_same_adapted_feature(case):
    w, u, _ = case
    model = ClipAdapter(w, 20.0, alpha=0.3, seed=5).double()
    other = F.normalize(w.flip(1), dim=1)
    torch.testing.assert_close(model.transferred(other)(u), 20.0 * model.adapted(u) @ other.T)


@pytest.mark.parametrize("settings", [{"alpha": -0.1}, {"alpha": 1.1}, {"reduction": 0}, {"reduction": 9}])
def test_settings_without_meaning_are_refused(case, settings):
    with pytest.raises(ValueError, match="alpha"):
        ClipAdapter(case[0], 20.0, **settings)
