"""What could a prefix say at best? A prefix for each sentence, found by gradient descent, with no image and no mapper."""

import torch
from torch import Tensor

from ..models.language import LanguageModel, log_likelihood


def free_prefixes(
    model: LanguageModel, ids: Tensor, k: int, steps: int = 150, lr: float = 0.1, seed: int = 0
) -> tuple[Tensor, Tensor]:
    r"""$\min_{e_1,\dots,e_k}-\sum_j\log p_\theta(t_j\mid e_1,\dots,e_k,t_1,\dots,t_{j-1})$ for each sentence by itself, the
    language model's weights $\theta$ left alone (prefix tuning, Li and Liang 2021, with one prefix to each text).

    It bounds from below what any mapper can reach before this model on sentences that it is trained on. Adam, from normal
    entries; the rate falls linearly over the second half.

    Args:
        ids: (B, T) long, END last and padding after it. k: prefix length.

    Returns:
        the prefixes (B, k, W), and the nats (B,) that each sentence still costs.

    Raises:
        ValueError: no step, or no vector; or more positions than the model holds.
    """
    if steps < 1 or k < 1:
        raise ValueError(f"{steps} steps with {k} vectors; take at least one of each")
    shape = (len(ids), k, model.width)
    like = model.embed_tokens.weight
    prefix = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(like).requires_grad_(True)
    words = model.embed_tokens(ids[:, :-1]).detach()
    optimizer = torch.optim.Adam([prefix], lr=lr)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps))
        (prefix.grad,) = torch.autograd.grad(_nats(model, prefix, words, ids).sum(), prefix)  # the model's gradients stay None
        optimizer.step()
    with torch.no_grad():
        return prefix.detach(), _nats(model, prefix, words, ids)


def _nats(model: LanguageModel, prefix: Tensor, words: Tensor, ids: Tensor) -> Tensor:
    logits = model.read(torch.cat([prefix, words], dim=1))[:, prefix.shape[1] - 1 :]
    return -log_likelihood(logits, ids)
