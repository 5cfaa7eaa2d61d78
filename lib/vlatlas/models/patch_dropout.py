"""Patch dropout: the whole of FLIP on the model's side."""

import torch
from torch import Tensor, nn


class PatchDropout(nn.Module):
    r"""Keep a random subset of the patches (Li et al. 2023, Sec. 3, "image masking").

    Of P tokens, keep $\lfloor (1-m)P \rceil$, at least one, drawn without replacement and independently for each
    image. Kept tokens are *gathered* into a shorter sequence, so that everything after this line costs less; order
    is preserved. In evaluation mode, or with m = 0, the input passes unchanged.

    Args:
        ratio: the mask ratio m in [0, 1): the share of patches that is dropped.
        fixed: always drop the same patches, those of one draw with seed 0. Not part of FLIP: it is the control that
            separates "fewer tokens" from "random tokens".

    Shapes: tokens (B, P, W) -> (B, round((1 - m) P), W).

    Raises:
        ValueError: ratio outside [0, 1).
    """

    def __init__(self, ratio: float = 0.0, fixed: bool = False):
        super().__init__()
        if not 0.0 <= ratio < 1.0:
            raise ValueError(f"mask ratio {ratio} is not in [0, 1); 0.5 drops half of the patches")
        self.ratio = ratio
        self.fixed = fixed

    def kept(self, patches: int) -> int:
        """How many of `patches` tokens stay."""
        return max(1, round((1.0 - self.ratio) * patches))

    def draw(self, images: int, patches: int, device=None) -> Tensor | None:
        """V_i, the numbers of the patches that each image keeps: (B, (1-m) P) in rising order; None where all stay."""
        if not self.training or self.ratio == 0.0:
            return None
        if self.fixed:
            draw = torch.rand(patches, generator=torch.Generator().manual_seed(0)).to(device).expand(images, patches)
        else:
            draw = torch.rand(images, patches, device=device)
        return draw.topk(self.kept(patches), dim=1).indices.sort(dim=1).values

    def forward(self, tokens: Tensor) -> Tensor:
        keep = self.draw(*tokens.shape[:2], tokens.device)
        return tokens if keep is None else take(tokens, keep)


def take(tokens: Tensor, keep: Tensor) -> Tensor:
    """The tokens (B, P, W) numbered keep (B, K) of each image: (B, K, W)."""
    return tokens.gather(1, keep.unsqueeze(-1).expand(-1, -1, tokens.shape[-1]))
