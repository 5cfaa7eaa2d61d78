"""What the refinements of the `dense` protocol's labels have to work with: how alike keys are within and across objects, and
which names a threshold of confidence keeps. Both look at the truth, so neither is a method."""

import torch
from torch import Tensor


def likeness(keys: Tensor, label: Tensor) -> tuple[float, float, float]:
    """Mean cosine of two patches of one image that show the same name; that show different names; of which one shows a name
    and the other none.

    Shapes: keys (B, P, W), unit rows; label (B, P) long, the name at each patch, -1 none (`Scenes.patches`).

    Raises:
        ValueError: a kind of pairs does not occur.
    """
    shown = label >= 0
    both = shown[:, :, None] & shown[:, None, :]  # (B, P, P)
    same = label[:, :, None] == label[:, None, :]
    apart = ~torch.eye(label.shape[1], dtype=torch.bool)  # a patch with itself is no pair
    kinds = both & same & apart, both & ~same, shown[:, :, None] & ~shown[:, None, :]
    if not all(bool(kind.any()) for kind in kinds):
        raise ValueError("no pairs of patches of one name, of two names, or of a name and none; take more scenes")
    cosine = keys @ keys.transpose(1, 2)
    same, other, ground = (cosine[kind].mean().item() for kind in kinds)
    return same, other, ground


def survivors(predictions: Tensor, truth: Tensor) -> tuple[float, float]:
    """Share of (image, name) pairs with any score left: of names that the image shows, and of names that it does not.

    Shapes: predictions (B, P, C), not negative, as `maskclip.denoise` leaves them; truth (B, H, W) long, -1 the background.
    """
    left = predictions.amax(dim=1) > 0  # (B, C)
    shown = torch.zeros(len(truth), left.shape[1] + 1).scatter_(1, truth.flatten(1) + 1, 1.0)[:, 1:] > 0
    return left[shown].double().mean().item(), left[~shown].double().mean().item()
