"""The image tower: a plain Vision Transformer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .patch_dropout import PatchDropout, take
from .transformer import Block, init_transformer


def patchify(images: Tensor, patch: int) -> Tensor:
    """Cut images (B, C, H, W) into non-overlapping patches (B, HW/p^2, C p^2), row by row."""
    B, C, H, W = images.shape
    x = images.view(B, C, H // patch, patch, W // patch, patch)
    return x.permute(0, 2, 4, 1, 3, 5).reshape(B, (H // patch) * (W // patch), C * patch * patch)


def grid_positions(side: int, width: int) -> Tensor:
    """Sines and cosines of row and column, the start of the learned position embedding: (1, side^2, W).

    A quarter of the width each for sin(column), cos(column), sin(row), cos(row), with wavelengths from 2 pi patches up
    (Vaswani et al. 2017, Sec. 3.5, in two dimensions); a remainder of the width stays zero.
    """
    quarter = width // 4
    frequency = 100.0 ** (-torch.arange(quarter) / max(1, quarter))
    row, column = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    angles = [axis.reshape(-1, 1) * frequency for axis in (column, row)]  # (P, W/4)
    waves = torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1)  # (P, 4 (W/4))
    return nn.functional.pad(waves, (0, width - 4 * quarter)).unsqueeze(0)


class VisionTransformer(nn.Module):
    """ViT (Dosovitskiy et al. 2021) with patch dropout, mean pooling and a linear projection to the shared space.

    Args:
        image_size, patch_size: pixels; the first must be a multiple of the second.
        width, depth, heads: of the transformer. embed_dim: D of the shared space.
        patch_dropout: mask ratio m, see `PatchDropout`. pool: "mean" over tokens, or "cls" for a class token.

    Shapes: images (B, 3, H, W), values in [0, 1] -> features (B, D), *not* normalised.

    Raises:
        ValueError: an image of another size than the model was built for, sizes that do not divide.
    """

    def __init__(
        self,
        image_size: int = 32,
        patch_size: int = 4,
        width: int = 96,
        depth: int = 4,
        heads: int = 3,
        embed_dim: int = 64,
        patch_dropout: float = 0.0,
        pool: str = "mean",
    ):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image_size {image_size} is not a multiple of patch_size {patch_size}")
        if pool not in ("mean", "cls"):
            raise ValueError(f"pool {pool!r} is unknown; use 'mean' or 'cls'")
        self.image_size = image_size
        self.patch_size = patch_size
        self.patches = (image_size // patch_size) ** 2
        self.width = width
        self.depth = depth
        self.embed_patches = nn.Linear(3 * patch_size**2, width)
        self.position = nn.Parameter(torch.empty(1, self.patches, width))
        self.class_token = nn.Parameter(torch.empty(1, 1, width)) if pool == "cls" else None
        self.patch_dropout = PatchDropout(patch_dropout)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, embed_dim, bias=False)
        init_transformer(self, depth)
        with torch.no_grad():
            self.position.copy_(grid_positions(image_size // patch_size, width))

    def tokens(self, images: Tensor) -> Tensor:
        """Token features after the last block and norm: (B, kept patches, W), class token first if there is one."""
        if images.shape[-2:] != (self.image_size, self.image_size) or images.shape[1] != 3:
            raise ValueError(
                f"images of shape {tuple(images.shape)}; this tower takes (B, 3, {self.image_size}, "
                f"{self.image_size}): render or resize them to that"
            )
        x, position = patchify(images, self.patch_size), self.position
        keep = self.patch_dropout.draw(len(x), self.patches, x.device)
        if keep is not None:  # even before the embedding: a dropped patch costs nothing at all
            x, position = take(x, keep), F.embedding(keep, position[0])
        x = self.embed_patches((x - 0.5) / 0.25) + position  # (B, P or (1-m)P, W): z_1..z_P
        if self.class_token is not None:
            x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def forward(self, images: Tensor) -> Tensor:
        x = self.tokens(images)
        pooled = x.mean(dim=1) if self.class_token is None else x[:, 0]  # (B, W)
        return self.project(pooled)  # (B, D)
