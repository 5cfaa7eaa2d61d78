"""Pairwise sigmoid loss without the N x M matrix: exact, memory O((N + M) D)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .tiles import blocks, crossing


class TiledSigmoid(torch.autograd.Function):
    r"""$-\frac1N\sum_{ij}\log\sigma(z_{ij}(s\,u_i^\top v_j + b))$, image i belonging to text `offset + i`.

    A pair's gradient needs that pair alone, $-z\,\sigma(-z\,a)$, so it is built while the block is at hand: 6 N M D
    floating-point operations and nothing to recompute.
    """

    @staticmethod
    def forward(ctx, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, offset: int, tile: int) -> Tensor:
        N, M = len(image), len(text)
        acc = torch.promote_types(image.dtype, torch.float32)
        s, b = scale.to(acc), bias.to(acc)
        loss = torch.zeros((), device=image.device, dtype=acc)
        d_image = torch.zeros(image.shape, device=image.device, dtype=acc)
        d_text = torch.zeros(text.shape, device=image.device, dtype=acc)
        d_scale, d_bias = torch.zeros_like(loss), torch.zeros_like(loss)
        for i, j in blocks(N, M, tile):
            C = (image[i] @ text[j].T).to(acc)  # cosines, (ti, tj)
            A = C * s + b
            loss += F.softplus(A).sum()  # -log sigma(-a): every pair as a negative
            r, c = crossing(i, j, offset, image.device)
            own = A[r, c]
            loss += (F.softplus(-own) - F.softplus(own)).sum()  # those that belong together are positives instead
            G = A.sigmoid_()
            G[r, c] = -torch.sigmoid(-own)  # not G - 1, which rounds to 0 near the optimum
            d_scale += (G * C).sum()
            d_bias += G.sum()
            G = G.to(image.dtype)
            d_image[i] += (G @ text[j]).to(acc)
            d_text[j] += (G.T @ image[i]).to(acc)
        ctx.dtypes = image.dtype, text.dtype, scale.dtype, bias.dtype
        ctx.save_for_backward(d_image.mul_(s / N), d_text.mul_(s / N), d_scale / N, d_bias / N)
        return loss / N

    @staticmethod
    def backward(ctx, upstream: Tensor):
        grads = (g * upstream.to(g.dtype) for g in ctx.saved_tensors)
        return *(g.to(t) for g, t in zip(grads, ctx.dtypes, strict=True)), None, None
