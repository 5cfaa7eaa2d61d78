"""Features of all processes, for losses under DistributedDataParallel."""

import torch
import torch.distributed as dist
from torch import Tensor


def gather_features(
    image: Tensor, text: Tensor, local_loss: bool, gather_with_grad: bool, rank: int, world_size: int
) -> tuple[Tensor, Tensor]:
    """Image and text features of every process, (world_size * N, D) each, in the order of the ranks.

    With gather_with_grad, gradients flow back to the process that a feature came from. Without it, only this process's
    own rows keep their gradient (unless local_loss, where the other factor carries it), as in open_clip.
    """
    return tuple(_gather(x, local_loss, gather_with_grad, rank, world_size) for x in (image, text))


def _gather(x: Tensor, local_loss: bool, with_grad: bool, rank: int, world_size: int) -> Tensor:
    if with_grad:
        from torch.distributed.nn.functional import all_gather

        return torch.cat(all_gather(x), dim=0)
    parts = [torch.zeros_like(x) for _ in range(world_size)]
    dist.all_gather(parts, x.contiguous())
    if not local_loss:
        parts[rank] = x
    return torch.cat(parts, dim=0)
