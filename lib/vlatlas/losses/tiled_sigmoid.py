"""Pairwise sigmoid loss in blocks: exact, and without the N x M matrix of logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .built import with_gradient
from .tiles import Blocks, crossing


def sigmoid_in_blocks(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, tile: int, offset: int | None = 0) -> Tensor:
    r"""$-\frac1N\sum_{ij}\log\sigma(z_{ij}(s\,u_i^\top v_j+b))$ (Zhai et al. 2023, Eq. 1), image i belonging to text
    `offset + i`, or to none of these texts (offset None).

    A pair's gradient needs that pair alone, so it is built while the block is at hand: 6 N M D floating-point
    operations, nothing to recompute, memory O((N + M) D). Sums and gradients are in float32 at least.

    Shapes: image (N, D), text (M, D), scale, bias (). Returns ().
    """

    def build(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, gradient: bool):
        like = {"device": image.device, "dtype": torch.promote_types(image.dtype, torch.float32)}
        s, b = scale.to(like["dtype"]), bias.to(like["dtype"])
        d = [torch.zeros(x.shape, **like) for x in (image, text)] if gradient else [None, None]
        N = len(image)
        totals = sigmoid_block(image, text, s, b, offset, Blocks(N, len(text), tile, like), *d)
        loss, d_scale, d_bias = ((t / N).to(s.dtype) for t in totals)
        return loss, (d[0].mul_(s / N), d[1].mul_(s / N), d_scale, d_bias) if gradient else None

    return with_gradient(build, image, text, scale, bias)


def sigmoid_block(image, text, s, b, offset, blocks, d_image, d_text) -> Tensor:
    """(3,): the sum of the losses, of G times cosine, and of G, in float64, since blocks are many.

    Adds G V to d_image and G^T U to d_text unless they are None.
    """
    totals = torch.zeros(blocks.lanes, 3, device=s.device, dtype=torch.float64)

    def work(lane: int, i: slice, js: list[slice]) -> None:
        loss, d_scale, d_bias = totals[lane]
        u = image[i].to(s.dtype)
        scaled = u * s
        before = 0.0 if d_image is None else (u * d_image[i]).sum()
        for j in js:
            v = text[j].to(s.dtype)
            A = torch.mm(scaled, v.T, out=blocks.block(lane, i, j)).add_(b)  # (ti, tj)
            r, c = crossing(i, j, offset, s.device)
            own = A[r, c]
            A[r, c] = -own  # z a: the pairs that belong together count as positives
            loss += F.softplus(A, 1, 50, out=blocks.other(lane, i, j)).sum()  # -log sigma(-z' a); its room is used over and over
            if d_image is None:
                continue
            G = A.sigmoid_()
            G[r, c] = -G[r, c]  # -sigma(-a): small near the optimum, and never 1 minus something
            d_bias += G.sum()
            d_image[i].addmm_(G, v)
            d_text[j].addmm_(G.T, u)
        if d_image is not None:
            d_scale += (u * d_image[i]).sum() - before

    blocks.run(work)
    return totals.sum(dim=0)
