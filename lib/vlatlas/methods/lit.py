"""Locked-image tuning: the image tower stays as it is, a text tower learns to read it (Zhai et al. 2022, LiT)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.clip import MAX_LOGIT_SCALE
from ..models.text import TextTransformer
from ..models.tokenizer import END, PAD, WordTokenizer


class LockedImageTuning(nn.Module):
    """A fresh text tower, logit scale and bias on top of image features that were computed once.

    Since the image tower is locked, its features are data: each image is encoded a single time, and a step costs the
    text tower only.

    Args:
        tokenizer: of the texts. embed_dim: D of the locked features. width, depth, heads: of the text tower.
        init_logit_scale: s at the start. init_logit_bias: b at the start, or None for a loss without one.

    Shapes: image_features (B, D) locked, ids (B, T) -> the loss's arguments, unit rows.
    """

    def __init__(
        self,
        tokenizer: WordTokenizer,
        embed_dim: int,
        width: int = 64,
        depth: int = 1,
        heads: int = 2,
        init_logit_scale: float = 1 / 0.07,
        init_logit_bias: float | None = None,
    ):
        super().__init__()
        self.tokenizer = tokenizer
        self.text = TextTransformer(len(tokenizer), tokenizer.context, width, depth, heads, embed_dim, END, PAD)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(init_logit_scale)))
        self.logit_bias = None if init_logit_bias is None else nn.Parameter(torch.tensor(float(init_logit_bias)))

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Text features (B, D); unit rows if `normalize`."""
        v = self.text(ids)
        return F.normalize(v, dim=-1) if normalize else v

    def forward(self, image_features: Tensor, ids: Tensor) -> dict[str, Tensor]:
        out = {
            "image_features": F.normalize(image_features.detach(), dim=-1),
            "text_features": self.encode_text(ids, normalize=True),
            "logit_scale": self.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE),
        }
        if self.logit_bias is not None:
            out["logit_bias"] = self.logit_bias
        return out
