"""Sentences out of a model that gives one token's distribution at a time: greedy and beam search.

A model is a pair of functions: `start` gave logits (B, V) and a state, `step(tokens (B,), state)` gives the next ones. A
state is a list of tensors with the batch first, so that a beam can be reordered without knowing what they mean.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..models.tokenizer import END, PAD

Step = Callable[[Tensor, list[Tensor]], tuple[Tensor, list[Tensor]]]


@torch.no_grad()
def greedy(logits: Tensor, state: list[Tensor], step: Step, longest: int) -> Tensor:
    """The likeliest token, again and again. Returns ids (B, at most longest), END last, PAD after it."""
    rows, done = [], torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    for t in range(longest):
        tokens = logits.argmax(dim=-1).masked_fill(done, PAD)
        rows.append(tokens)
        done |= tokens == END
        if done.all() or t + 1 == longest:
            break
        logits, state = step(tokens, state)
    return torch.stack(rows, dim=1)


@torch.no_grad()
def beam(logits: Tensor, state: list[Tensor], step: Step, longest: int, width: int) -> tuple[Tensor, Tensor]:
    r"""Beam search: of all continuations of the `width` best beginnings, keep the `width` best by $\sum\log p$.

    A finished sentence stays in the beam with its value, and competes with the unfinished ones; there is no bonus for length.
    With `width` at least the number of beginnings this is an exhaustive search over sentences of at most `longest` tokens.

    Returns:
        ids (B, at most longest) of the best sentence of each row, and its log-probability (B,).

    Raises:
        ValueError: width below 1.
    """
    if width < 1:
        raise ValueError(f"beam of width {width}; it must hold at least 1 sentence")
    B, V = logits.shape
    values, tokens = _best(logits.log_softmax(dim=-1), width)  # (B, W)
    W = tokens.shape[1]
    ids, state = tokens[..., None], [s.repeat_interleave(W, dim=0) for s in state]  # (B, W, 1)
    for _ in range(longest - 1):
        done = (tokens == END) | (tokens == PAD)
        if done.all():
            break
        logits, state = step(tokens.flatten(), state)
        log_p = logits.log_softmax(dim=-1).view(B, W, V)
        stays = torch.full((V,), -torch.inf, dtype=log_p.dtype, device=log_p.device)
        stays[PAD] = 0.0  # the only way on after the end
        total = values[..., None] + torch.where(done[..., None], stays, log_p)  # (B, W, V)
        values, flat = _best(total.flatten(1), width)  # (B, W')
        parent, tokens = flat // V, flat % V
        rows = (parent + W * torch.arange(B, device=parent.device)[:, None]).flatten()
        state = [s[rows] for s in state]
        ids = torch.cat([ids.gather(1, parent[..., None].expand(-1, -1, ids.shape[2])), tokens[..., None]], dim=2)
        W = tokens.shape[1]
    return ids[:, 0], values[:, 0]


def _best(values: Tensor, width: int) -> tuple[Tensor, Tensor]:
    return values.topk(min(width, values.shape[1]), dim=1)
