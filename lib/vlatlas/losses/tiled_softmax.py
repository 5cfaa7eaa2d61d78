"""Softmax cross-entropy of all pairs in blocks: exact, and without the matrix of logits if need be."""

import torch
from torch import Tensor

from .built import with_gradient
from .softmax_rules import Careful, Quick
from .tiles import Blocks, crossing


def softmax_in_blocks(image: Tensor, text: Tensor, scale: Tensor, tile: int | str, offset: int = 0, both: bool = True) -> Tensor:
    r"""$\frac1N\sum_i(\mathrm{lse}_j S_{ij}-S_{i,i+o})$ with $S=s\,UV^\top$ and o = offset; with `both`, the mean of that
    over rows and over columns (Radford et al. 2021, Fig. 3).

    The gradient is built along with the loss: 8 N M D floating-point operations in blocks of `tile` rows, in memory
    O((N + M) D); 6 N M D if the matrix is kept meanwhile (tile "keep"). Sums and gradients are in float32 at least.

    Shapes: image (N, D), text (M, D), scale (). Returns (). both needs N = M and offset 0.
    """

    def build(image: Tensor, text: Tensor, scale: Tensor, gradient: bool):
        rule = Quick.fitting(image, text, scale.to(_accumulator(image)))
        out = None if rule is None else _build(rule, image, text, scale, tile, offset, both, gradient)
        return out or _build(Careful(), image, text, scale, tile, offset, both, gradient)

    return with_gradient(build, image, text, scale)


def _build(rule, image, text, scale, tile, offset, both, gradient):
    """(loss, gradients or None), or None if the rule does not hold."""
    N, M = len(image), len(text)
    like = {"device": image.device, "dtype": _accumulator(image)}
    s = scale.to(like["dtype"])
    blocks = Blocks(N, M, tile, like)
    rows, columns, own = rule.new(N, like), rule.new(M, like) if both else None, torch.empty(N, **like)
    sum_block(rule, image, text, s, offset, blocks, rows, columns, own)
    losses, shares, states = zip(*(rule.finish(x, own) for x in (rows, columns) if x is not None), strict=True)
    if not rule.holds(*states):
        return None
    loss = (sum(x.mean() for x in losses) / len(losses)).to(s.dtype)
    if not gradient:
        return loss, None
    d_image, d_text = torch.zeros(image.shape, **like), torch.zeros(text.shape, **like)
    row, column, at_own = states[0], states[1] if both else None, -sum(shares)
    d_scale = gradient_block(rule, image, text, s, offset, blocks, row, column, at_own, d_image, d_text, ready=blocks.kept)
    factor = 1.0 / (len(losses) * N)
    return loss, (d_image.mul_(s * factor), d_text.mul_(s * factor), d_scale.to(s.dtype) * factor)


def sum_block(rule, image, text, s, offset, blocks, rows, columns, own) -> None:
    """Fold all logits of these images and texts into the sums; note the logits of pairs that belong together."""

    def work(lane: int, i: slice, js: list[slice]) -> None:
        scaled = image[i].to(s.dtype) * s
        for j in js:
            S = torch.mm(scaled, text[j].to(s.dtype).T, out=blocks.block(lane, i, j))  # (ti, tj)
            r, c = crossing(i, j, offset, s.device)
            own[r + i.start] = S[r, c]  # from its own block: rounded exactly like the others
            rule.add(S, (r, c), i, j, rows, columns, blocks.other(lane, i, j))

    blocks.run(work)


def gradient_block(rule, image, text, s, offset, blocks, row, column, at_own, d_image, d_text, ready=False) -> Tensor:
    """Add G V to d_image and G^T U to d_text, G being the gradient in the logits; returns the sum of G times cosine.

    That sum is taken from G V, block of rows by block of rows: no further pass over the logits.
    """
    d_scale = torch.zeros(blocks.lanes, device=s.device, dtype=torch.float64)

    def work(lane: int, i: slice, js: list[slice]) -> None:
        u = image[i].to(s.dtype)
        scaled, before = u * s, (u * d_image[i]).sum()
        for j in js:
            v, S = text[j].to(s.dtype), blocks.block(lane, i, j)
            if not ready:
                torch.mm(scaled, v.T, out=S)
            G = rule.gradient(S, ready, i, j, row, column, blocks.other(lane, i, j))
            r, c = crossing(i, j, offset, s.device)
            G[r, c] = at_own[r + i.start]
            d_image[i].addmm_(G, v)
            d_text[j].addmm_(G.T, u)
        d_scale[lane] += (u * d_image[i]).sum() - before

    blocks.run(work)
    return d_scale.sum()


def _accumulator(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)
