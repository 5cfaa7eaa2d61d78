"""Gradient caching: batches whose towers' activations do not fit in memory, with the gradient of the whole batch.

Blocks of logits save the logits. The activations of the towers, which grow with the batch as well and are usually larger,
are untouched by that; this is for them (Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory
Limited Setup", Sec. 3). The price is a second forward pass of the towers, about a third more time.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def backward_in_chunks(
    model: Callable[..., dict[str, Tensor]],
    batch: Sequence[Tensor],
    loss: Callable[..., Tensor],
    chunk: int,
    features: tuple[str, ...] = ("image_features", "text_features"),
    **further,
) -> Tensor:
    """`loss(**model(*batch), **further).backward()`, with the activations of `chunk` examples at a time in memory.

    First all features without autograd, then the loss's gradient in them, then each chunk once more with autograd, which
    that gradient flows into. Random numbers of a chunk (dropout, dropped patches) are the same both times. Gradients add
    to `.grad` as `backward` adds them.

    Args:
        model: called as model(*chunk of batch); returns the loss's arguments: `features`, (n, D) each, one row an example,
            and values that do not depend on the batch (logit_scale, logit_bias), which get their gradient too.
        batch: tensors with the examples along their first dimension.
        chunk: examples at a time. Batch statistics, if the model has any, are those of a chunk.

    Returns: the loss, detached, ().

    Raises:
        ValueError: a chunk below 1, tensors of unequal length, or features that the model does not return.
    """
    n = len(batch[0])
    if chunk < 1 or any(len(x) != n for x in batch):
        raise ValueError(f"chunk {chunk} must be at least 1, and the batch of one length, not {[len(x) for x in batch]}")
    parts = [[x[i : i + chunk] for x in batch] for i in range(0, n, chunk)]
    devices = [batch[0].device] if batch[0].device.type == "cuda" else []
    states, collected = [], {name: [] for name in features}
    with torch.no_grad():
        for part in parts:
            states.append(_random_state(devices))
            outputs = model(*part)
            if missing := set(features) - set(outputs):
                raise ValueError(f"the model returns {sorted(outputs)}, not {sorted(missing)}: name its `features`")
            for name in features:
                collected[name].append(outputs[name])
    leaves = {name: torch.cat(rows).requires_grad_() for name, rows in collected.items()}
    with torch.random.fork_rng(devices=devices):
        _set_random_state(states[-1], devices)
        rest = {k: v for k, v in model(*parts[-1]).items() if k not in features}  # with their own graphs
    value = loss(**leaves, **rest, **further)
    value.backward()
    end = _random_state(devices)
    for index, (part, state) in enumerate(zip(parts, states, strict=True)):
        _set_random_state(state, devices)
        rows = slice(index * chunk, index * chunk + len(part[0]))
        outputs = model(*part)
        torch.autograd.backward([outputs[name] for name in features], [leaves[name].grad[rows] for name in features])
    _set_random_state(end, devices)
    return value.detach()


def _random_state(devices: list) -> tuple:
    return torch.get_rng_state(), [torch.cuda.get_rng_state(d) for d in devices]


def _set_random_state(state: tuple, devices: list) -> None:
    torch.set_rng_state(state[0])
    for device, s in zip(devices, state[1], strict=True):
        torch.cuda.set_rng_state(s, device)
