import math

import pytest
import torch

from vlatlas.evals import LinearProbe, shots_to_match


def test_a_probe_solves_a_separable_problem_and_not_noise():
    torch.manual_seed(0)
    y = torch.arange(300) % 3
    x = torch.nn.functional.one_hot(y, 3) + 0.1 * torch.randn(300, 3)
    assert LinearProbe().fit(x[:150], y[:150]).accuracy(x[150:], y[150:]) == 1.0
    noise = torch.randn(300, 3)
    assert LinearProbe().fit(noise[:150], y[:150]).accuracy(noise[150:], y[150:]) < 0.5


def test_the_probe_minimises_the_stated_objective():
    """Gradient of C * sum(cross-entropy) + |W|^2 / 2 vanishes at the solution, computed by autograd."""
    torch.manual_seed(0)
    x, y = torch.randn(60, 4, dtype=torch.float64), torch.randint(0, 3, (60,))
    probe = LinearProbe(strength=0.5)
    probe.model.set_params(tol=1e-10)
    probe.fit(x, y)
    W = torch.tensor(probe.model.coef_, requires_grad=True)
    b = torch.tensor(probe.model.intercept_, requires_grad=True)
    loss = 0.5 * torch.nn.functional.cross_entropy(x @ W.T + b, y, reduction="sum") + W.square().sum() / 2
    loss.backward()
    assert W.grad.abs().max() < 1e-4 and b.grad.abs().max() < 1e-4


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least two classes"):
        LinearProbe().fit(torch.randn(4, 2), torch.zeros(4, dtype=torch.long))


def test_shots_to_match_by_hand():
    shots, curve = [1, 2, 4, 8], [0.2, 0.4, 0.6, 0.7]
    assert shots_to_match(shots, curve, 0.4) == pytest.approx(2)
    assert shots_to_match(shots, curve, 0.5) == pytest.approx(2**1.5)  # halfway on the log axis
    assert shots_to_match(shots, curve, 0.2) == 1
    assert shots_to_match(shots, curve, 0.1) == 0.5
    assert math.isinf(shots_to_match(shots, curve, 0.71))
    assert shots_to_match(shots, [0.2, 0.6, 0.5, 0.7], 0.6) == pytest.approx(2), "a dip does not undo a crossing"
    with pytest.raises(ValueError, match="must increase"):
        shots_to_match([2, 1], [0.1, 0.2], 0.1)
