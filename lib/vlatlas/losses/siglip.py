"""SigLIP's loss: every pair its own yes-or-no question."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_features, check_group
from .gather import gather_features
from .ring import sigmoid_around_the_ring
from .tiled_sigmoid import sigmoid_in_blocks
from .tiles import SIDE, choose_tile

IMPLEMENTATIONS = {"ring": "ring", "bidir": "ring", "shift": "ring", "gather": "gather", "reduce": "gather"}


def sigmoid_loss(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Pairwise sigmoid loss (Zhai et al. 2023, Eq. 1). image, text: (N, D), unit rows; scale, bias: (). Returns ():
    the sum over all pairs, divided by N."""
    logits = scale * image @ text.T + bias  # (N, N)
    z = 2 * torch.eye(len(image), device=image.device, dtype=logits.dtype) - 1  # +1 on the diagonal, -1 off it
    # The sum of N^2 terms as large as the scale leaves the range of float16: half precision is summed in float32.
    half = logits.dtype in (torch.float16, torch.bfloat16)
    return -F.logsigmoid(z * logits).sum(dtype=torch.float32 if half else None) / len(image)


class SigLipLoss(nn.Module):
    """`sigmoid_loss` with open_clip's arguments, in blocks where the matrix would be large.

    Args:
        rank, world_size: of this process. Each process sums over its images and the texts of all.
        dist_impl: "ring" (also as open_clip's "bidir" and "shift"): texts and their gradients travel round the
            processes, and none ever holds all features; "gather" (also "reduce"): every process holds all texts.
        tile: rows per block; None, autograd on the plain equation; "auto" switches to blocks from 1024 x 1024 logits on.
        cache_labels: accepted and without effect.

    Shapes: image_features, text_features (N, D), unit rows; logit_scale, logit_bias (). Returns () or
    {"contrastive_loss": ()}.

    Raises:
        ValueError: shapes that do not match, an empty batch, no logit_bias, a tile or dist_impl that is none.
        RuntimeError: world_size > 1 without a process group. NotImplementedError: use_horovod.
    """

    def __init__(
        self,
        cache_labels: bool = False,
        rank: int = 0,
        world_size: int = 1,
        dist_impl: str | None = None,
        use_horovod: bool = False,
        tile: int | str | None = "auto",
    ):
        super().__init__()
        if use_horovod:
            raise NotImplementedError("horovod is not supported; train under torchrun (DistributedDataParallel)")
        self.rank = rank
        self.world_size = world_size
        self.tile = tile
        self.dist_impl = IMPLEMENTATIONS.get(dist_impl or "ring")
        choose_tile(tile, 1, 1, keep=False)
        if self.dist_impl is None:
            raise ValueError(f"dist_impl {dist_impl!r} is unknown; use one of {', '.join(IMPLEMENTATIONS)}")

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor | None = None,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        check_features(image_features, text_features)
        if logit_bias is None:
            raise ValueError("the sigmoid loss needs a logit_bias; build the model with init_logit_bias=-10")
        loss = self._loss(image_features, text_features, logit_scale, logit_bias)
        return {"contrastive_loss": loss} if output_dict else loss

    def _loss(self, image: Tensor, text: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
        offset = 0
        if self.world_size > 1:
            check_group(self.world_size)
            if self.dist_impl == "ring":
                tile = self.tile if isinstance(self.tile, int) else SIDE
                return sigmoid_around_the_ring(image, text, scale, bias, tile, self.rank, self.world_size)
            text = gather_features(image, text, False, True, self.rank, self.world_size)[1]
            offset = self.rank * len(image)
        tile = choose_tile(self.tile, len(image), len(text), keep=False)
        if tile is None and self.world_size == 1:
            return sigmoid_loss(image, text, scale, bias)
        return sigmoid_in_blocks(image, text, scale, bias, tile or SIDE, offset)
