"""Image-text retrieval."""

import torch
from torch import Tensor

from .retrieval_many import recall_with_several


def recall_at_k(image_features: Tensor, text_features: Tensor, ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Recall@K both ways for N pairs, row i of one belonging to row i of the other.

    A candidate that ties with the right one counts as ranked before it, so that a collapsed model, for which all
    scores are equal, gets 0 and not 1.

    Args:
        image_features, text_features: (N, D), unit rows. ks: cut-offs.

    Returns: {"image_to_text@1": ..., "text_to_image@1": ..., ...}, shares in [0, 1].

    Raises:
        ValueError: the two are not of one shape, empty, or not finite.
    """
    if image_features.shape != text_features.shape or len(image_features) == 0:
        raise ValueError(
            f"features of shapes {tuple(image_features.shape)} and {tuple(text_features.shape)}: retrieval needs "
            "the same, non-zero number of images and texts"
        )
    return recall_with_several(image_features, text_features, torch.arange(len(image_features), device=image_features.device), ks)
