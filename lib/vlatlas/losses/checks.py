"""Input checks shared by the losses: at the boundary, once, with errors that say what to do."""

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
