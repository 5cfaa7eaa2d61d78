"""Both losses by Triton kernels: exact, and without the matrix of logits. For CUDA devices.

The kernels are checked under Triton's interpreter (TRITON_INTERPRET=1, on a CPU) in float32 and float16; the interpreter
multiplies bfloat16 as if its bits were integers, so that type is unchecked. Their speed on a GPU has not been measured:
block sizes are guesses, and nothing chooses these functions by itself.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .built import with_gradient

ROWS, COLUMNS = 32, 64  # of a block of logits


def softmax_on_gpu(image: Tensor, text: Tensor, scale: Tensor, offset: int = 0, both: bool = True) -> Tensor:
    """`softmax_in_blocks` by Triton kernels.

    Shapes: image (N, D), text (M, D), float32, bfloat16 or float16; scale (). Returns () in float32. both needs N = M
    and offset 0.

    Raises:
        ValueError: features in float64. ImportError: there is no triton.
    """
    from .triton_kernels import log_sums, softmax_gradient

    def build(image: Tensor, text: Tensor, scale: Tensor, gradient: bool):
        u, v, s = image.contiguous(), text.contiguous(), scale.float().reshape(1)
        ways = [(u, v), (v, u)] if both else [(u, v)]
        sums = []
        for a, b in ways:
            others, own = (torch.empty(len(a), device=a.device, dtype=torch.float32) for _ in range(2))
            log_sums[_grid(a)](a, b, s, others, own, len(a), len(b), offset, **_sizes(a))
            sums.append((others, own))
        x = [others - own for others, own in sums]
        loss = sum(-F.logsigmoid(-t).mean() for t in x) / len(x)
        if not gradient:
            return loss, None
        full = [torch.logaddexp(others, own) for others, own in sums]
        at_own = -sum(torch.sigmoid(t) for t in x)
        d_u = torch.empty(u.shape, device=u.device, dtype=torch.float32)
        softmax_gradient[_grid(u)](u, v, s, full[0], full[-1], at_own, d_u, len(u), len(v), offset, both, **_sizes(u))
        d_v = torch.empty(v.shape, device=v.device, dtype=torch.float32)
        if both:
            softmax_gradient[_grid(v)](v, u, s, full[1], full[0], at_own, d_v, len(v), len(u), offset, both, **_sizes(v))
        else:
            _columns_of_rows(u, v, s, full[0], at_own, offset, d_v)
        factor = 1.0 / (len(x) * len(u))
        d_scale = (d_u * u).sum() * factor
        return loss, (d_u.mul_(s * factor), d_v.mul_(s * factor), d_scale.reshape(scale.shape))

    _check(image, text)
    return with_gradient(build, image, text, scale)


def sigmoid_on_gpu(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, offset: int = 0) -> Tensor:
    """`sigmoid_in_blocks` by Triton kernels; shapes and errors as `softmax_on_gpu`, bias ()."""
    from .triton_kernels import sigmoid_gradient

    def build(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, gradient: bool):
        u, v = image.contiguous(), text.contiguous()
        s, b = scale.float().reshape(1), bias.float().reshape(1)
        found = []
        for a, other, o in ((u, v, offset), (v, u, -offset))[: 2 if gradient else 1]:
            loss, d_bias = (torch.empty(len(a), device=a.device, dtype=torch.float32) for _ in range(2))
            d = torch.empty(a.shape, device=a.device, dtype=torch.float32)
            sigmoid_gradient[_grid(a)](a, other, s, b, loss, d_bias, d, len(a), len(other), o, **_sizes(a))
            found.append((loss, d_bias, d))
        N, (loss, d_bias, d_u) = len(u), found[0]
        if not gradient:
            return loss.sum() / N, None
        d_scale = ((d_u * u).sum() / N).reshape(scale.shape)
        d_bias = (d_bias.sum() / N).reshape(bias.shape)
        return loss.sum() / N, (d_u.mul_(s / N), found[1][2].mul_(s / N), d_scale, d_bias)

    _check(image, text)
    return with_gradient(build, image, text, scale, bias)


def _columns_of_rows(u, v, s, row, at_own, offset: int, d_v: Tensor) -> None:
    """G^T U where each row has its own softmax: the kernel with the roles exchanged, in which those are columns."""
    from .triton_kernels import softmax_gradient

    never = torch.full((len(v),), torch.inf, device=v.device, dtype=torch.float32)  # exp(S - inf) = 0: no row softmax
    pair = torch.zeros(len(v), device=v.device, dtype=torch.float32)
    pair[offset : offset + len(u)] = at_own
    softmax_gradient[_grid(v)](v, u, s, never, row, pair, d_v, len(v), len(u), -offset, True, **_sizes(v))


def _grid(x: Tensor) -> tuple[int]:
    return (-(-len(x) // ROWS),)


def _sizes(x: Tensor) -> dict[str, int]:
    D = x.shape[1]
    return {"D": D, "WIDTH": max(16, 1 << (D - 1).bit_length()), "BM": ROWS, "BN": COLUMNS}


def _check(image: Tensor, text: Tensor) -> None:
    if image.dtype != text.dtype or image.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        raise ValueError(
            f"features in {image.dtype} and {text.dtype}: the kernels take float32, bfloat16 or float16, one for both; "
            "for others use softmax_in_blocks or sigmoid_in_blocks"
        )
