"""Fine-tuning the end of an image tower and the whole text tower, on activations of the frozen layers that were computed once."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.clip import CLIP, MAX_LOGIT_SCALE


@torch.no_grad()
def enter_last_layers(model: CLIP, images: Tensor, blocks: int = 1, batch_size: int = 256) -> Tensor:
    """(B, P, W): what enters the last `blocks` blocks of the image tower. All below stays frozen, so it is computed once.

    Raises:
        ValueError: the model is in training mode, in which patches may be dropped.
    """
    if model.training:
        raise ValueError("the model is in training mode, in which patches may be dropped: call model.eval() first")
    visual, parts = model.visual, []
    hook = visual.blocks[len(visual.blocks) - blocks].register_forward_pre_hook(lambda m, a: parts.append(a[0].cpu()))
    device = next(model.parameters()).device
    try:
        for x in images.split(batch_size):
            visual(x.to(device))
    finally:
        hook.remove()
    return torch.cat(parts)


class LastLayers(nn.Module):
    """Copies of a CLIP's last image blocks, final norm, projections, text tower and logit scale: what is trained.

    It has CLIP's `encode_image`, `encode_text` and `tokenizer`, with activations of `enter_last_layers` in place of images.

    Args:
        model: one of ours with mean pooling; it is left as it is. blocks: how many image blocks are trained.

    Shapes: x (B, P, W), ids (B, T), false (M, T) -> the arguments of a loss, unit rows: image_features, text_features (B, D),
    negative_features (M, D) if `false` is given, logit_scale ().

    Raises:
        ValueError: a tower with a class token, or with fewer blocks.
    """

    def __init__(self, model: CLIP, blocks: int = 1):
        super().__init__()
        visual = model.visual
        if visual.class_token is not None or not 1 <= blocks <= len(visual.blocks):
            raise ValueError(
                f"{blocks} blocks of a tower of {len(visual.blocks)}, pooled by {model.config.pool!r}: give one block up to all "
                "of them, and a tower with mean pooling"
            )
        parts = (visual.blocks[len(visual.blocks) - blocks :], visual.norm, visual.project, model.text)
        self.blocks, self.norm, self.project, self.text = (copy.deepcopy(p) for p in parts)
        self.logit_scale = nn.Parameter(model.logit_scale.detach().clone())
        self.tokenizer = model.tokenizer

    def encode_image(self, x: Tensor, normalize: bool = False) -> Tensor:
        """Image features (B, D) from activations (B, P, W)."""
        for block in self.blocks:
            x = block(x)
        u = self.project(self.norm(x).mean(dim=1))
        return F.normalize(u, dim=-1) if normalize else u

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Text features (B, D)."""
        v = self.text(ids)
        return F.normalize(v, dim=-1) if normalize else v

    def forward(self, x: Tensor, ids: Tensor, false: Tensor | None = None) -> dict[str, Tensor]:
        out = {
            "image_features": self.encode_image(x, normalize=True),
            "logit_scale": self.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE),
        }
        texts = self.encode_text(ids if false is None else torch.cat([ids, false]), normalize=True)
        out["text_features"] = texts[: len(ids)]
        if false is not None:
            out["negative_features"] = texts[len(ids) :]
        return out
