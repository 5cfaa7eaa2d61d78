"""CLIP's loss where several texts of the batch are right for an image."""

import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_features


def multi_positive_clip_loss(image: Tensor, text: Tensor, scale: Tensor, group: Tensor) -> Tensor:
    r"""Symmetric cross-entropy against $q_{ij} = [g_i = g_j] / |\{k: g_k = g_i\}|$.

    Pairs with the same caption are not each other's negatives: the target is uniform over the texts of the own group
    (the form of SupCon's L_out, Khosla et al. 2020, Eq. 2, across modalities). With distinct groups it is `clip_loss`.

    Shapes: image, text (N, D), unit rows; scale (); group (N,) long. Returns ().
    """
    logits = scale * image @ text.T  # (N, N)
    q = (group[:, None] == group[None, :]).to(logits.dtype)
    q = q / q.sum(dim=1, keepdim=True)  # symmetric relation, so rows and columns share the counts
    return (F.cross_entropy(logits, q) + F.cross_entropy(logits.T, q)) / 2


class MultiPositiveClipLoss(nn.Module):
    """`multi_positive_clip_loss` with the signature of a loss of ours; `group` equal where captions are equal.

    Raises:
        ValueError: shapes that do not match, an empty batch.
    """

    def forward(self, image_features: Tensor, text_features: Tensor, logit_scale: Tensor, group: Tensor) -> Tensor:
        check_features(image_features, text_features)
        if group.shape != image_features.shape[:1]:
            raise ValueError(f"group {tuple(group.shape)} must name one group for each of {len(image_features)} pairs")
        return multi_positive_clip_loss(image_features, text_features, logit_scale, group.to(image_features.device))
