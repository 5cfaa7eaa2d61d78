"""SigLIP's loss: every pair its own yes-or-no question."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_features
from .gather import gather_features
from .tiled_sigmoid import TiledSigmoid
from .tiles import choose_tile


def sigmoid_loss(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    """Pairwise sigmoid loss (Zhai et al. 2023, Eq. 1). image, text: (N, D), unit rows; scale, bias: (). Returns ():
    the sum over all pairs, divided by N."""
    logits = scale * image @ text.T + bias  # (N, N)
    z = 2 * torch.eye(len(image), device=image.device, dtype=logits.dtype) - 1  # +1 on the diagonal, -1 off it
    return -F.logsigmoid(z * logits).sum() / len(image)


class SigLipLoss(nn.Module):
    """`sigmoid_loss` with open_clip's arguments, in blocks where the matrix would be large.

    Args:
        rank, world_size: of this process. Each process sums over its images and the texts of all.
        tile: rows per block; None keeps the whole matrix; "auto" switches to blocks from 2048 x 2048 logits on.
        cache_labels, bidir: accepted and without effect.

    Shapes: image_features, text_features (N, D), unit rows; logit_scale, logit_bias (). Returns () or
    {"contrastive_loss": ()}.

    Raises:
        ValueError: shapes that do not match, an empty batch, no logit_bias. RuntimeError: world_size > 1 without a
        process group. NotImplementedError: use_horovod.
    """

    def __init__(
        self,
        cache_labels: bool = False,
        rank: int = 0,
        world_size: int = 1,
        bidir: bool = True,
        use_horovod: bool = False,
        tile: int | str | None = "auto",
    ):
        super().__init__()
        if use_horovod:
            raise NotImplementedError("horovod is not supported; train under torchrun (DistributedDataParallel)")
        self.rank = rank
        self.world_size = world_size
        self.tile = tile
        choose_tile(tile, 1, 1)

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
        text, offset = text_features, 0
        if self.world_size > 1:
            text = gather_features(image_features, text_features, False, True, self.rank, self.world_size)[1]
            offset = self.rank * len(image_features)
        tile = choose_tile(self.tile, len(image_features), len(text))
        if tile is None and self.world_size == 1:
            loss = sigmoid_loss(image_features, text, logit_scale, logit_bias)
        else:
            loss = TiledSigmoid.apply(image_features, text, logit_scale, logit_bias, offset, tile or len(text))
        return {"contrastive_loss": loss} if output_dict else loss
