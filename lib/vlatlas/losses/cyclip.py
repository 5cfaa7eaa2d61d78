"""CyCLIP's loss: CLIP's, and two penalties on how images and texts lie among themselves (Goel et al. 2022)."""

import torch
from torch import Tensor, nn

from .checks import check_features
from .clip import clip_loss
from .multi_positive import multi_positive_clip_loss


def cross_modal_penalty(image: Tensor, text: Tensor) -> Tensor:
    r"""$\mathcal{L}_C=\frac1N\sum_{j,k}(u_j^\top v_k-u_k^\top v_j)^2$: image j should fit text k as image k fits text j. Zero
    where the matrix of similarities is symmetric. image, text: (N, D), unit rows. Returns ().
    """
    S = image @ text.T  # (N, N)
    return (S - S.T).square().sum() / len(S)


def in_modal_penalty(image: Tensor, text: Tensor) -> Tensor:
    r"""$\mathcal{L}_I=\frac1N\sum_{j,k}(u_j^\top u_k-v_j^\top v_k)^2$: two images should be as similar as their two texts. Zero
    where the Gram matrices are equal. image, text: (N, D), unit rows. Returns ().
    """
    return (image @ image.T - text @ text.T).square().sum() / len(image)


class CyClipLoss(nn.Module):
    r"""$\mathcal{L}=\mathcal{L}_\mathrm{CLIP}+\lambda_1\mathcal{L}_I+\lambda_2\mathcal{L}_C$ (Goel et al. 2022).

    The penalties are of cosines, not of logits: the official code (`src/train.py`) takes scaled logits and divides by the
    squared scale again, so that the scale gets no gradient from them there either. Their sum runs over N^2 entries and is
    divided by N: twice the batch, twice the weight.

    Args:
        in_modal, cross_modal: $\lambda_1$, $\lambda_2$; 0 leaves a penalty out.

    Shapes: image_features, text_features (N, D), unit rows; logit_scale (); logit_bias () cancels in the softmax; group (N,)
    long, equal where captions are equal: these are then no negatives of each other (`MultiPositiveClipLoss`). Returns () or
    {"contrastive_loss", "in_modal_loss", "cross_modal_loss"}, weighted, of which it is the sum.

    Raises:
        ValueError: negative weights, shapes that do not match, an empty batch.
    """

    def __init__(self, in_modal: float = 0.25, cross_modal: float = 0.25):
        super().__init__()
        if in_modal < 0 or cross_modal < 0:
            raise ValueError(f"weights {in_modal} and {cross_modal} of penalties must not be negative; 0 leaves one out")
        self.in_modal = in_modal
        self.cross_modal = cross_modal

    def penalties(self, image: Tensor, text: Tensor) -> dict[str, Tensor]:
        """The weighted penalties of matching rows; those of weight 0 are not computed."""
        found = {}
        if self.in_modal:
            found["in_modal_loss"] = self.in_modal * in_modal_penalty(image, text)
        if self.cross_modal:
            found["cross_modal_loss"] = self.cross_modal * cross_modal_penalty(image, text)
        return found

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor | None = None,
        output_dict: bool = False,
        group: Tensor | None = None,
    ) -> Tensor | dict[str, Tensor]:
        check_features(image_features, text_features)
        if group is None:
            contrastive = clip_loss(image_features, text_features, logit_scale)
        elif group.shape != image_features.shape[:1]:
            raise ValueError(f"group {tuple(group.shape)} must name one group for each of {len(image_features)} pairs")
        else:
            contrastive = multi_positive_clip_loss(image_features, text_features, logit_scale, group.to(image_features.device))
        if logit_bias is not None:
            contrastive = contrastive + 0 * logit_bias
        parts = {"contrastive_loss": contrastive, **self.penalties(image_features, text_features)}
        return parts if output_dict else sum(parts.values())


class MispairedCyClipLoss(CyClipLoss):
    """The control: CLIP's loss on the pairs as they are, the penalties on images and *other* images' texts. As many terms of
    the same form, with no geometry to agree on. The permutation comes from torch's generator, one a call.
    """

    def penalties(self, image: Tensor, text: Tensor) -> dict[str, Tensor]:
        """As in CyCLIP, with the texts' rows permuted."""
        return super().penalties(image, text[torch.randperm(len(text), device=text.device)])
