"""The two-tower model."""

import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .text import TextTransformer
from .tokenizer import END, PAD, WordTokenizer
from .vision import VisionTransformer

MAX_LOGIT_SCALE = 100.0  # Radford et al. 2021, Sec. 2.5: clipped "to prevent scaling the logits by more than 100"


@dataclass(frozen=True)
class ClipConfig:
    """Sizes of both towers. `words` is the vocabulary, so that a checkpoint carries its own tokenizer."""

    words: tuple[str, ...]
    image_size: int = 32
    patch_size: int = 4
    width: int = 96
    depth: int = 4
    heads: int = 3
    pool: str = "mean"
    text_width: int = 64
    text_depth: int = 2
    text_heads: int = 2
    context: int = 32
    embed_dim: int = 64
    init_logit_scale: float = 1 / 0.07
    init_logit_bias: float | None = None

    def as_dict(self) -> dict:
        """Plain data, ready for JSON."""
        return asdict(self) | {"words": list(self.words)}


class CLIP(nn.Module):
    """Image tower, text tower and a learned logit scale (Radford et al. 2021, Fig. 3), with open_clip's names.

    `logit_scale` holds log s, as open_clip's does; the loss takes `model.scale()` = exp(log s), clipped at 100.
    `logit_bias` exists when the config gives `init_logit_bias` (SigLIP's b).

    Shapes: encode_image (B, 3, H, W) -> (B, D); encode_text ids (B, T) -> (B, D); unit rows with normalize=True.
    """

    def __init__(self, config: ClipConfig, patch_dropout: float = 0.0):
        super().__init__()
        self.config = c = config
        self.tokenizer = WordTokenizer(list(c.words), c.context)
        self.visual = VisionTransformer(c.image_size, c.patch_size, c.width, c.depth, c.heads, c.embed_dim, patch_dropout, c.pool)
        self.text = TextTransformer(
            len(self.tokenizer), c.context, c.text_width, c.text_depth, c.text_heads, c.embed_dim, END, PAD
        )
        self.logit_scale = nn.Parameter(torch.tensor(math.log(c.init_logit_scale)))
        self.logit_bias = None if c.init_logit_bias is None else nn.Parameter(torch.tensor(float(c.init_logit_bias)))

    def encode_image(self, images: Tensor, normalize: bool = False) -> Tensor:
        """Image features (B, D); unit rows if `normalize`."""
        u = self.visual(images)
        return F.normalize(u, dim=-1) if normalize else u

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Text features (B, D); unit rows if `normalize`."""
        v = self.text(ids)
        return F.normalize(v, dim=-1) if normalize else v

    def scale(self) -> Tensor:
        """The logit scale s = exp(logit_scale), at most 100."""
        return self.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE)

    def forward(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """What a loss takes: image_features and text_features (B, D) of unit length, logit_scale, logit_bias."""
        out = {
            "image_features": self.encode_image(images, normalize=True),
            "text_features": self.encode_text(ids, normalize=True),
            "logit_scale": self.scale(),
        }
        if self.logit_bias is not None:
            out["logit_bias"] = self.logit_bias
        return out
