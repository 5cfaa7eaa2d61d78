"""Image-text retrieval."""

import torch
from torch import Tensor


def recall_at_k(image_features: Tensor, text_features: Tensor, ks: tuple[int, ...] = (1, 5, 10)) -> dict[str, float]:
    """Recall@K both ways for N pairs, row i of one belonging to row i of the other.

    A candidate that ties with the right one counts as ranked before it, so that a collapsed model, for which all
    scores are equal, gets 0 and not 1.

    Args:
        image_features, text_features: (N, D), unit rows. ks: cut-offs.

    Returns: {"image_to_text@1": ..., "text_to_image@1": ..., ...}, shares in [0, 1].

    Raises:
        ValueError: the two are not of one shape, or empty.
    """
    if image_features.shape != text_features.shape or len(image_features) == 0:
        raise ValueError(
            f"features of shapes {tuple(image_features.shape)} and {tuple(text_features.shape)}: retrieval needs "
            "the same, non-zero number of images and texts"
        )
    similarity = image_features @ text_features.T  # (N, N)
    right = similarity.diagonal()
    ahead_text = (similarity >= right[:, None]).sum(dim=1) - 1  # (N,) texts at or above the right one
    ahead_image = (similarity >= right[None, :]).sum(dim=0) - 1
    out = {}
    for name, ahead in (("image_to_text", ahead_text), ("text_to_image", ahead_image)):
        for k in ks:
            out[f"{name}@{k}"] = (ahead < k).to(torch.float64).mean().item()
    return out
