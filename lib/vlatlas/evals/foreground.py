"""Maps over patches against the mask of what the image shows: two classes, foreground and background."""

import torch.nn.functional as F
from torch import Tensor


def upsampled(maps: Tensor, size: int) -> Tensor:
    """Patch maps (B, P) of a square grid -> (B, size, size), bilinear.

    Raises:
        ValueError: P is not a square number.
    """
    side = round(maps.shape[1] ** 0.5)
    if side * side != maps.shape[1]:
        raise ValueError(f"{maps.shape[1]} patches are no square grid; leave the class token out")
    return F.interpolate(maps.view(-1, 1, side, side), (size, size), mode="bilinear", align_corners=False)[:, 0]


def foreground(maps: Tensor) -> Tensor:
    """(B, H, W) bool: where the positive part of a map (B, H, W) is above its own mean."""
    positive = maps.clamp(min=0)
    return positive > positive.mean(dim=(1, 2), keepdim=True)


def segmentation_scores(predicted: Tensor, masks: Tensor) -> dict[str, float]:
    """ "accuracy" of pixels and "miou", the mean of the two classes' intersection over union, over all images together.

    Args:
        predicted, masks: (B, H, W) bool.

    Raises:
        ValueError: shapes that differ, or a class that no mask and no prediction has.
    """
    if predicted.shape != masks.shape:
        raise ValueError(f"predicted {tuple(predicted.shape)} and masks {tuple(masks.shape)} must be of one shape")
    ious = []
    for p, m in ((predicted, masks), (~predicted, ~masks)):
        union = (p | m).sum().item()
        if union == 0:
            raise ValueError("one of foreground and background never occurs; the mean over both is not defined")
        ious.append((p & m).sum().item() / union)
    return {"accuracy": (predicted == masks).double().mean().item(), "miou": sum(ious) / 2}
