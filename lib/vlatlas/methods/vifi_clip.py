"""ViFi-CLIP: encode frames as images, average, fine-tune both towers, add nothing (Rasheed et al. 2023, Sec. 3)."""

import torch.nn.functional as F
from torch import Tensor, nn

from ..models.clip import CLIP, MAX_LOGIT_SCALE
from .last_layers import LastLayers


class ViFiClip(nn.Module):
    r"""Videos and class names in one space: $u = \bar f / \lVert\bar f\rVert$, $\bar f = \frac1F\sum_t f(x_t)$, $w_c = g(y_c)$.

    Frame features are averaged before they are normalised, as the released code does. The towers are the last blocks of
    `LastLayers`: all below is frozen, in every arm.

    Args:
        model: a CLIP of ours with mean pooling; left as it is. blocks: image blocks that may learn. image, text: which tower
            learns; the logit scale always does. temporal: (B, F, D) -> (B, F, D), put between frames and average; ViFi-CLIP
            has none.

    Shapes: x (B, F, P, W) activations of `enter_last_layers`, or (B, F, D) frame features where the image tower does not
    learn; ids (C, T) one text per class -> the arguments of `class_loss`.
    """

    def __init__(self, model: CLIP, blocks: int = 1, image: bool = True, text: bool = True, temporal: nn.Module | None = None):
        super().__init__()
        self.towers = LastLayers(model, blocks)
        for part in (self.towers.blocks, self.towers.norm, self.towers.project):
            part.requires_grad_(image)
        self.towers.text.requires_grad_(text)
        self.temporal = temporal
        self.image = image
        self.tokenizer = model.tokenizer

    def encode_frames(self, x: Tensor) -> Tensor:
        """Features (B, F, D) of frames, each by itself, not normalised."""
        return self.towers.encode_image(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def encode_video(self, x: Tensor, normalize: bool = False) -> Tensor:
        """Video features (B, D); unit rows if `normalize`."""
        f = self.encode_frames(x) if x.ndim == 4 else x  # (B, F, D)
        if self.temporal is not None:
            f = self.temporal(f)
        u = f.mean(dim=1)
        return F.normalize(u, dim=-1) if normalize else u

    def encode_classes(self, ids: Tensor) -> Tensor:
        """Unit class embeddings w (C, D)."""
        return self.towers.encode_text(ids, normalize=True)

    def forward(self, x: Tensor, ids: Tensor) -> dict[str, Tensor]:
        return {
            "video_features": self.encode_video(x, normalize=True),
            "class_features": self.encode_classes(ids),
            "logit_scale": self.towers.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE),
        }


def class_loss(video_features: Tensor, class_features: Tensor, logit_scale: Tensor, labels: Tensor) -> Tensor:
    r"""$-\frac1N\sum_i\log\frac{e^{s\,u_i^\top w_{c_i}}}{\sum_c e^{s\,u_i^\top w_c}}$.

    Args:
        video_features: u (N, D). class_features: w (C, D), of unit length as u. logit_scale: s. labels: (N,) numbers of classes.
    """
    logits = logit_scale * video_features @ class_features.T  # (N, C)
    return F.cross_entropy(logits, labels.to(logits.device))
