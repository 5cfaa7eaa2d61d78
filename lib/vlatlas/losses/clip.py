"""CLIP's loss: symmetric cross-entropy over the batch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checks import check_features, check_group
from .gather import gather_features
from .ring import softmax_around_the_ring
from .tiled_softmax import softmax_in_blocks
from .tiles import SIDE, choose_tile


def clip_loss(image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE (Radford et al. 2021, Fig. 3). image, text: (N, D), unit rows; scale: (). Returns ()."""
    logits = scale * image @ text.T  # (N, N): one product serves both directions
    y = torch.arange(len(image), device=image.device)  # image i belongs to text i
    return (F.cross_entropy(logits, y) + F.cross_entropy(logits.T, y)) / 2


class ClipLoss(nn.Module):
    """`clip_loss` with open_clip's arguments, in blocks where the matrix would be large.

    Args:
        local_loss: under several processes, each computes its own rows only. gather_with_grad: gradients flow to the
            features of other processes. rank, world_size: of this process.
        tile: None, autograd on the plain equation; "keep", the whole matrix, used twice: the fastest while it fits; a
            number, blocks of so many rows: memory O(N D), a third more arithmetic; "auto" goes by size (`choose_tile`).
            What this saves is the logits' memory, not that of the towers' activations (see `grad_cache`).
        dist_impl: "gather", or "ring": texts travel round the processes, block by block, and none ever holds all
            features; the loss and gradients of local_loss with gather_with_grad.
        cache_labels: accepted and without effect; making the labels costs nothing here.

    Shapes: image_features, text_features (N, D), unit rows; logit_scale (); logit_bias () cancels in a softmax and
    gets a zero gradient. Returns () or {"contrastive_loss": ()}.

    Raises:
        ValueError: shapes that do not match, an empty batch, a tile or dist_impl that is none. RuntimeError:
        world_size > 1 without a process group. NotImplementedError: use_horovod.
    """

    def __init__(
        self,
        local_loss: bool = False,
        gather_with_grad: bool = False,
        cache_labels: bool = False,
        rank: int = 0,
        world_size: int = 1,
        use_horovod: bool = False,
        tile: int | str | None = "auto",
        dist_impl: str = "gather",
    ):
        super().__init__()
        if use_horovod:
            raise NotImplementedError("horovod is not supported; train under torchrun (DistributedDataParallel)")
        self.local_loss = local_loss
        self.gather_with_grad = gather_with_grad
        self.rank = rank
        self.world_size = world_size
        self.tile = tile
        self.dist_impl = dist_impl
        choose_tile(tile, 1, 1)
        if dist_impl not in ("gather", "ring"):
            raise ValueError(f"dist_impl {dist_impl!r} is unknown; use 'gather' or 'ring'")

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor | None = None,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        check_features(image_features, text_features)
        if self.world_size > 1:
            loss = self._distributed(image_features, text_features, logit_scale)
        else:
            loss = self._whole(image_features, text_features, logit_scale)
        if logit_bias is not None:
            loss = loss + 0 * logit_bias
        return {"contrastive_loss": loss} if output_dict else loss

    def _whole(self, image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        tile = choose_tile(self.tile, len(image), len(text))
        return clip_loss(image, text, scale) if tile is None else softmax_in_blocks(image, text, scale, tile)

    def _distributed(self, image: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        check_group(self.world_size)
        if self.dist_impl == "ring":
            tile = self.tile if isinstance(self.tile, int) else SIDE
            return softmax_around_the_ring(image, text, scale, tile, self.rank, self.world_size)
        all_image, all_text = gather_features(image, text, self.local_loss, self.gather_with_grad, self.rank, self.world_size)
        if not self.local_loss:
            return self._whole(all_image, all_text, scale)
        offset = self.rank * len(image)
        tile = choose_tile(self.tile, len(image), len(all_text))
        if tile is not None:
            ways = ((image, all_text), (text, all_image))
            return sum(softmax_in_blocks(u, v, scale, tile, offset, both=False) for u, v in ways) / 2
        y = torch.arange(len(image), device=image.device) + offset
        by_image, by_text = scale * image @ all_text.T, scale * text @ all_image.T  # (N, world N)
        return (F.cross_entropy(by_image, y) + F.cross_entropy(by_text, y)) / 2
