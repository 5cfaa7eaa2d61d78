r"""SCLIP: correlative self-attention in the last block of a frozen CLIP (Wang et al. 2024, Sec. 3.2).

Each mode takes a `LastBlock` and gives attention (B, h, T, T); everything around it stays as it is.
"""

import math

import torch
from torch import Tensor

from .last_block import LastBlock, query_key


def correlate(r: Tensor) -> Tensor:
    r"""$\mathrm{softmax}(r r^\top/\tau)$ with $\tau=\sqrt d$, the scale of CLIP's attention. r (B, h, T, d) -> (B, h, T, T)."""
    return (r @ r.transpose(-1, -2) / r.shape[-1] ** 0.5).softmax(dim=-1)


def correlative(block: LastBlock) -> Tensor:
    r"""$\mathrm{softmax}(QQ^\top/\tau)+\mathrm{softmax}(KK^\top/\tau)$. Rows add to two, as in the paper."""
    return correlate(block.q) + correlate(block.k)


def query_query(block: LastBlock) -> Tensor:
    """The queries' half of `correlative`, rows add to one."""
    return correlate(block.q)


def key_key(block: LastBlock) -> Tensor:
    """The keys' half of `correlative`, rows add to one."""
    return correlate(block.k)


def identity(block: LastBlock) -> Tensor:
    """Each token attends to itself alone: MaskCLIP's value path."""
    return torch.eye(block.x.shape[1], dtype=block.x.dtype, device=block.x.device).expand(*block.q.shape[:2], -1, -1)


def random_projection(block: LastBlock, seed: int = 0) -> Tensor:
    """`correlate` with a matrix W_r that nobody trained, of the size and scale of a fresh query projection, for each head."""
    h, d, W = block.q.shape[1], block.q.shape[-1], block.normed.shape[-1]
    w = torch.randn(W, h * d, generator=torch.Generator().manual_seed(seed)) / W**0.5
    r = (block.normed @ w.to(block.normed)).unflatten(-1, (h, d)).transpose(1, 2)
    return correlate(r)


def shuffled(block: LastBlock, seed: int = 0) -> Tensor:
    """Broken on purpose: `correlative`, but each patch is handed the attention row of another one."""
    attention, first = correlative(block), int(block.class_token)
    order = torch.randperm(attention.shape[2] - first, generator=torch.Generator().manual_seed(seed)) + first
    return torch.cat([attention[:, :, :first], attention[:, :, order]], dim=2)


def entropy(attention: Tensor) -> Tensor:
    """Mean entropy of the rows of attention (..., T, T) among patches, in nats, each row first scaled to add to one: ()."""
    p = attention / attention.sum(dim=-1, keepdim=True)
    return -torch.special.xlogy(p, p).sum(dim=-1).mean()


def window(side: int, width: float) -> Tensor:
    r"""$a_{ij}\propto\exp(-\lVert p_i-p_j\rVert^2/2\omega^2)$ over a side x side grid of patches, rows add to one: (P, P)."""
    axis = torch.arange(side, dtype=torch.float64)
    place = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), dim=-1).view(-1, 2)  # (P, 2)
    return (-(place[:, None] - place[None]).square().sum(dim=-1) / (2 * width**2)).softmax(dim=-1)


def window_of_entropy(side: int, nats: float) -> Tensor:
    """The `window` whose rows have this mean entropy, found by bisection: (P, P).

    Raises:
        ValueError: no window has it; entropies lie between 0 and log P.
    """
    if not 0 < nats < math.log(side**2):
        raise ValueError(f"entropy {nats} must be within 0..{math.log(side**2):.3f} for {side}x{side} patches")
    low, high = 1e-2, 1e3
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if float(entropy(window(side, middle))) < nats else (low, middle)
    return window(side, low)


def local(block: LastBlock, patches: Tensor) -> Tensor:
    """Twice a fixed `window` (P, P), blind to content, in the place of `correlative`; the class token gives and gets
    nothing."""
    T = block.x.shape[1]
    attention = block.x.new_zeros(T, T)
    first = int(block.class_token)
    attention[first:, first:] = 2 * patches.to(block.x)
    return attention.expand(*block.q.shape[:2], -1, -1)


MODES = {
    "q-k": query_key,
    "identity": identity,
    "q-q": query_query,
    "k-k": key_key,
    "q-q + k-k": correlative,
    "random": random_projection,
}


def invariance(attention: Tensor) -> float:
    """Mean cosine between the rows of different positions, attention (..., P, P): 1 where all look at the same places."""
    rows = torch.nn.functional.normalize(attention, dim=-1)
    P = rows.shape[-2]
    total = rows.sum(dim=-2).square().sum(dim=-1)  # sum over i, j of cos(row_i, row_j)
    return ((total - P) / (P * (P - 1))).mean().item()


def in_object(attention: Tensor, label: Tensor) -> float:
    """Mean share of a row's attention that stays in the object of its position, over all patches of objects.

    Shapes: attention (B, h, P, P); label (B, P) long, which object a patch shows, -1 none. Raises ValueError without one.
    """
    inside = label >= 0
    if not bool(inside.any()):
        raise ValueError("no patch shows an object; there is no share to measure")
    same = ((label[:, :, None] == label[:, None, :]) & inside[:, :, None])[:, None]  # (B, 1, P, P)
    share = (attention * same).sum(dim=-1) / attention.sum(dim=-1)  # (B, h, P)
    return share.mean(dim=1)[inside].mean().item()
