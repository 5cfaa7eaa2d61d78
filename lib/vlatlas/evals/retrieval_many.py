"""Image-text retrieval where an image has several captions."""

import torch
from torch import Tensor


def recall_with_several(image_features: Tensor, text_features: Tensor, owner: Tensor, ks: tuple[int, ...] = (1, 5, 10)) -> dict:
    """Recall@K both ways for N images with one or more captions each, M in all (the protocol of Karpathy and Fei-Fei 2015).

    Text from image: the rank of the best of the image's own captions counts. Image from text: every caption is a query. A
    candidate that ties with the right one counts as ranked before it. With one caption an image this is
    `retrieval.recall_at_k`.

    Args:
        image_features: (N, D), text_features: (M, D), unit rows. owner: (M,) long, the row of each caption's image.

    Returns: {"image_to_text@1": ..., "text_to_image@1": ..., ...}, shares in [0, 1].

    Raises:
        ValueError: an owner that is no image's row, an image without a caption, sizes that do not fit, or features that
        are not finite.
    """
    n, m = len(image_features), len(text_features)
    if n == 0 or owner.shape != (m,) or image_features.shape[1:] != text_features.shape[1:]:
        raise ValueError(f"{n} images, {m} captions and {len(owner)} owners do not fit; give one owner for each caption")
    if owner.min() < 0 or owner.max() >= n or len(owner.unique()) < n:
        raise ValueError(
            f"owners must name each of the {n} images at least once and nothing else; got {owner.unique().tolist()[:8]}"
        )
    similarity = image_features @ text_features.T  # (N, M)
    if not bool(similarity.isfinite().all()):
        raise ValueError("the features hold nan or inf, so nothing can be ranked; look upstream")
    own = owner[None, :] == torch.arange(n, device=owner.device)[:, None]  # (N, M)
    best = similarity.masked_fill(~own, -torch.inf).max(dim=1).values  # (N,)
    ahead_text = ((similarity >= best[:, None]) & ~own).sum(dim=1)  # foreign captions at or above the best own one
    right = similarity[owner, torch.arange(m, device=owner.device)]  # (M,)
    ahead_image = (similarity >= right).sum(dim=0) - 1
    out = {f"image_to_text@{k}": (ahead_text < k).double().mean().item() for k in ks}
    return out | {f"text_to_image@{k}": (ahead_image < k).double().mean().item() for k in ks}
