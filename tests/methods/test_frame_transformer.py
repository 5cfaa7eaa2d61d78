"""The module for time: nothing at the start, and the one thing that the mean is not, sensitive to order."""

import pytest
import torch

from vlatlas.methods.frame_transformer import FrameTransformer


@pytest.fixture
def module():
    torch.manual_seed(0)
    return FrameTransformer(6, 4, width=8, depth=2, heads=2).double()


def opened(module):
    """As it may be after training: the way back is no longer zero."""
    torch.nn.init.normal_(module.leave.weight)
    return module


def test_at_the_start_frames_pass_unchanged_to_the_bit(module):
    f = torch.randn(3, 4, 6, dtype=torch.float64)
    assert torch.equal(module(f), f)


def test_it_learns_from_the_start_although_its_way_back_is_zero(module):
    f = torch.randn(3, 4, 6, dtype=torch.float64)
    module(f).square().sum().backward()
    assert module.leave.weight.grad.abs().max() > 0
    assert module.enter.weight.grad.abs().max() == 0, "nothing below learns before the way back has opened"
    opened(module).zero_grad()
    module(f).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in module.parameters())


def test_order_changes_the_mean_and_only_through_the_positions(module):
    f, order = torch.randn(3, 4, 6, dtype=torch.float64), torch.tensor([2, 0, 3, 1])
    opened(module)
    assert (module(f).mean(dim=1) - module(f[:, order]).mean(dim=1)).abs().max() > 1e-3
    torch.nn.init.zeros_(module.position)
    torch.testing.assert_close(module(f).mean(dim=1), module(f[:, order]).mean(dim=1))


def test_gradients_are_those_of_finite_differences(module):
    f = torch.randn(2, 3, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(opened(module), (f,))


def test_too_many_frames_are_named(module):
    with pytest.raises(ValueError, match="5 frames; the transformer was made for 4"):
        module(torch.randn(1, 5, 6, dtype=torch.float64))
