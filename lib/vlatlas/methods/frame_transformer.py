"""A transformer over the features of frames: the module for time that `vifi_clip` does without."""

import torch
from torch import Tensor, nn

from ..models.transformer import Block, init_transformer


class FrameTransformer(nn.Module):
    r"""f_t + A(f_1 + p_1, .., f_F + p_F)_t, which is then averaged over t: position embeddings p, `depth` blocks, and a residual
    whose way back to width D starts at zero, so that at the start it is the plain mean, to the bit.

    Transformers of this kind stand on CLIP's frame features in ActionCLIP (Wang et al. 2021) and, with other inputs, in
    X-CLIP (Ni et al. 2022).

    Args:
        features: D of the frames. frames: most frames of a clip. width, depth, heads: of the transformer.

    Shapes: (B, F, D) -> (B, F, D).

    Raises:
        ValueError: more frames than it was made for.
    """

    def __init__(self, features: int, frames: int, width: int = 128, depth: int = 1, heads: int = 4):
        super().__init__()
        self.enter = nn.Linear(features, width)
        self.position = nn.Parameter(torch.empty(1, frames, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.leave = nn.Linear(width, features)
        init_transformer(self, depth)
        nn.init.zeros_(self.leave.weight)

    def forward(self, f: Tensor) -> Tensor:
        F, most = f.shape[1], self.position.shape[1]
        if F > most:
            raise ValueError(f"{F} frames; the transformer was made for {most}: give shorter clips or more frames")
        x = self.enter(f) + self.position[:, :F]  # (B, F, W)
        for block in self.blocks:
            x = block(x)
        return f + self.leave(self.norm(x))
