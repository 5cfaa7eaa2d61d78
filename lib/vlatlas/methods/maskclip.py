r"""MaskCLIP: dense labels from a frozen CLIP (Zhou et al. 2022, Sec. 3.2), and a segmenter trained on them (Sec. 3.3).

The pooled feature is a convex combination of projected values,
$\mathrm{AttnPool}=F(\sum_i\alpha_i v_i)=\sum_i\alpha_i F(v_i)$, so each $F(v_i)$ is compared with the class names itself.
"""

import copy

import torch.nn.functional as F
from torch import Tensor, nn

from .last_block import LastBlock, enter_last_block


def value_path(block: LastBlock) -> Tensor:
    """F(v_i), the paper's formula: value and output projections at each patch, nothing else. (B, P, D)."""
    return block.leave(block.branch(), residual=False, mlp=False)


def value_path_in_block(block: LastBlock) -> Tensor:
    """The reading of public ViT code: the values take the place of attention's output, residual and MLP stay. (B, P, D)."""
    return block.leave(block.branch())


def key_path(block: LastBlock) -> Tensor:
    """Broken on purpose: keys where the values belong, so that no average of these was ever trained. (B, P, D)."""
    return block.leave(block.branch(values=block.k), residual=False, mlp=False)


def key_features(block: LastBlock) -> Tensor:
    """k_i of all heads, (B, P, W), unit rows."""
    k = block.k.transpose(1, 2).flatten(2)
    return F.normalize(k[:, 1:] if block.class_token else k, dim=-1)


def smooth(predictions: Tensor, keys: Tensor) -> Tensor:
    r"""Key smoothing: $\mathrm{pred}_i\leftarrow\sum_j\cos(k_i,k_j)\,\mathrm{pred}_j$, divided by P to stay in range.

    Shapes: predictions (B, P, C), keys (B, P, W), unit rows -> (B, P, C).
    """
    return keys @ keys.transpose(1, 2) @ predictions / predictions.shape[1]


def denoise(predictions: Tensor, threshold: float = 0.5) -> Tensor:
    """Prompt denoising: classes whose best confidence in the image is below `threshold` are out (score 0). An image in
    which no class reaches it keeps the most confident one.

    Shapes: predictions (B, P, C), probabilities -> (B, P, C).

    Raises:
        ValueError: a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold {threshold} must be within (0, 1], a confidence")
    best = predictions.amax(dim=1, keepdim=True)  # (B, 1, C)
    keep = (best >= threshold) | (best == best.amax(dim=2, keepdim=True))
    return predictions * keep


class Segmenter(nn.Module):
    """MaskCLIP+'s student: two 3x3 convolutions and a classifier on tokens of a frozen tower, which look at neighbours where
    the teacher looks at each patch alone. tokens (B, P, W), P a square -> logits (B, C, sqrt P, sqrt P)."""

    def __init__(self, width: int, classes: int, hidden: int = 64):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.body = nn.Sequential(
            nn.Conv2d(width, hidden, 3, padding=1), nn.GELU(), nn.Conv2d(hidden, hidden, 3, padding=1), nn.GELU()
        )
        self.head = nn.Conv2d(hidden, classes, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.body(grid(self.norm(tokens))))


class TunedClip(nn.Module):
    """The attempt that the paper warns of: the value path of a copy of CLIP, made to be tuned with masks. The class
    embeddings (C, D) stay. images (B, 3, H, W) -> logits (B, C, h, w), s times the cosine."""

    def __init__(self, model: nn.Module, classes: Tensor):
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False)
        self.model.visual.requires_grad_(True)
        self.register_buffer("classes", classes)
        self.scale = float(model.scale().detach())

    def train(self, mode: bool = True) -> "TunedClip":
        """The tower stays in evaluation mode: it keeps all its patches."""
        super().train(mode)
        self.model.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        z = F.normalize(value_path(enter_last_block(self.model, images)), dim=-1)
        return self.scale * grid(z @ self.classes.T)


def grid(tokens: Tensor) -> Tensor:
    """Patches (B, P, C), row by row, as a square map (B, C, sqrt P, sqrt P)."""
    side = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).unflatten(2, (side, side))


def pixel_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy over labelled pixels, logits (B, C, h, w) upsampled to labels (B, H, W) long; -1 is no label. ()."""
    return F.cross_entropy(upsample(logits, labels.shape[-1]), labels, ignore_index=-1)


def upsample(scores: Tensor, size: int) -> Tensor:
    """Maps (B, C, h, w) -> (B, C, size, size), bilinear."""
    return F.interpolate(scores, size=(size, size), mode="bilinear", align_corners=False)
