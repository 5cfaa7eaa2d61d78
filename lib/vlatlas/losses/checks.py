"""Input checks shared by the losses: at the boundary, once, with errors that say what to do."""

import torch.distributed as dist
from torch import Tensor


def check_features(image_features: Tensor, text_features: Tensor) -> None:
    """Both (N, D) of one shape, N >= 1.

    Raises:
        ValueError: anything else; names the shapes.
    """
    if image_features.ndim != 2 or image_features.shape != text_features.shape:
        raise ValueError(
            f"features of shapes {tuple(image_features.shape)} and {tuple(text_features.shape)}: a contrastive loss "
            "takes (N, D) images and as many (N, D) texts"
        )
    if len(image_features) == 0:
        raise ValueError("an empty batch has no loss; drop it (drop_last=True in a data loader)")


def check_group(world_size: int) -> None:
    """A process group of that size exists.

    Raises:
        RuntimeError: there is none, or it is of another size.
    """
    if not dist.is_available() or not dist.is_initialized():
        raise RuntimeError(
            f"the loss was built for {world_size} processes, but no process group exists; call "
            "torch.distributed.init_process_group first, or use world_size=1"
        )
    if dist.get_world_size() != world_size:
        raise RuntimeError(
            f"the loss was built for {world_size} processes, the process group has {dist.get_world_size()}; "
            "give world_size=torch.distributed.get_world_size()"
        )
