"""Symmetric softmax cross-entropy without the N x N matrix: exact, memory O(N D)."""

import torch
from torch import Tensor

from .tiles import blocks, crossing


class TiledSoftmax(torch.autograd.Function):
    r"""$\frac1N\sum_i [\tfrac12(\mathrm{lse}_j S_{ij} + \mathrm{lse}_j S_{ji}) - S_{ii}]$ with $S = s\,U V^\top$.

    The forward pass visits each block once and keeps a running (maximum, sum of exponentials) per row and per column;
    the backward pass computes each block again. 8 N^2 D floating-point operations in all, against 6 N^2 D with the
    matrix kept. Half-precision features are multiplied as they are and accumulated in float32.
    """

    @staticmethod
    def forward(ctx, image: Tensor, text: Tensor, scale: Tensor, tile: int) -> Tensor:
        N = len(image)
        acc = torch.promote_types(image.dtype, torch.float32)
        kwargs = {"device": image.device, "dtype": acc}
        row_max, row_sum = torch.full((N,), -torch.inf, **kwargs), torch.zeros(N, **kwargs)
        col_max, col_sum = row_max.clone(), row_sum.clone()
        diagonal = torch.empty(N, **kwargs)
        s = scale.to(acc)
        for i, j in blocks(N, N, tile):
            S = (image[i] @ text[j].T).to(acc).mul_(s)  # (ti, tj)
            # S_ii from its own block: the same rounding as in the sums, or exp(S_ii - lse) is off at s = 100.
            r, c = crossing(i, j, 0, image.device)
            diagonal[r + i.start] = S[r, c]
            _update(row_max, row_sum, i, S, dim=1)
            _update(col_max, col_sum, j, S, dim=0)
        row, col = row_max + row_sum.log(), col_max + col_sum.log()  # log-sum-exp, (N,)
        ctx.save_for_backward(image, text, scale, row, col)
        ctx.tile = tile
        return ((row - diagonal).sum() + (col - diagonal).sum()) / (2 * N)

    @staticmethod
    def backward(ctx, upstream: Tensor):
        image, text, scale, row, col = ctx.saved_tensors
        N, acc = len(image), row.dtype
        s = scale.to(acc)
        d_image = torch.zeros(image.shape, device=image.device, dtype=acc)
        d_text = torch.zeros_like(d_image)
        d_scale = torch.zeros((), device=image.device, dtype=acc)
        for i, j in blocks(N, N, ctx.tile):
            C = (image[i] @ text[j].T).to(acc)  # cosines, (ti, tj)
            S = C * s
            G = (S - row[i, None]).exp_()  # softmax over texts
            G += S.sub_(col[None, j]).exp_()  # + softmax over images
            G *= 0.5
            G[crossing(i, j, 0, image.device)] -= 1.0
            d_scale += (G * C).sum()
            G = G.to(image.dtype)
            d_image[i] += (G @ text[j]).to(acc)
            d_text[j] += (G.T @ image[i]).to(acc)
        factor = upstream.to(acc) / N
        d_image, d_text = d_image.mul_(factor * s), d_text.mul_(factor * s)
        return d_image.to(image.dtype), d_text.to(text.dtype), (d_scale * factor).to(scale.dtype), None


def _update(maximum: Tensor, total: Tensor, part: slice, S: Tensor, dim: int) -> None:
    """Fold a block into the running (maximum, sum of exp(S - maximum))."""
    new = torch.maximum(maximum[part], S.amax(dim=dim))
    total[part] = total[part] * (maximum[part] - new).exp() + (S - new.unsqueeze(dim)).exp_().sum(dim=dim)
    maximum[part] = new
