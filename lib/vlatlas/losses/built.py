"""A scalar whose gradient is built along with it: what was needed for both is computed once and let go."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class _Built(torch.autograd.Function):
    @staticmethod
    def forward(ctx, build: Callable, *inputs: Tensor) -> Tensor:
        loss, gradients = build(*inputs, gradient=True)
        ctx.build, ctx.fresh = build, True
        ctx.save_for_backward(*inputs, *gradients)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx, upstream: Tensor):
        saved = ctx.saved_tensors
        inputs, gradients = saved[: len(saved) // 2], saved[len(saved) // 2 :]
        if not ctx.fresh:  # a second backward pass (retain_graph): the first one gave the gradients away
            gradients = ctx.build(*inputs, gradient=True)[1]
        ctx.fresh = False
        # In place, unseen by autograd's version counter: a copy would cost as much memory as all else here together.
        scaled = (g.data.mul_(upstream.to(g.dtype)) for g in gradients)
        return None, *(g.to(x.dtype) for g, x in zip(scaled, inputs, strict=True))


def with_gradient(build: Callable, *inputs: Tensor) -> Tensor:
    """The loss `build(*inputs, gradient)[0]`, differentiable in every input.

    Args:
        build: (*inputs, gradient: bool) -> (loss (), gradients, one per input and of its shape, or None if not asked
            for). It runs without autograd and without autocast: it says itself in which precision it works.

    Raises:
        RuntimeError: a second derivative is asked for; use the plain functions (`clip_loss`, `sigmoid_loss`) there.
    """
    with torch.autocast(inputs[0].device.type, enabled=False):
        if torch.is_grad_enabled() and any(x.requires_grad for x in inputs):
            return _Built.apply(build, *inputs)
        with torch.no_grad():
            return build(*inputs, gradient=False)[0]
