"""The last block of a Vision Transformer, taken apart: what enters it, and what leaves it when its attention, its residual
or its MLP is replaced. Training-free dense methods differ in these three choices alone."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.anatomy import attention_inputs, batch_first, blocks, has_class_token, project


@dataclass
class LastBlock:
    """What enters the last block of an image tower, for B images of T tokens, the class token first if there is one.

    x: (B, T, W) the residual stream. normed: (B, T, W) after the block's first LayerNorm. q, k, v: (B, h, T, W/h). out: the
    attention's output layer.
    """

    visual: nn.Module
    x: Tensor
    normed: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    out: nn.Linear

    @property
    def class_token(self) -> bool:
        """Whether token 0 is one."""
        return has_class_token(self.visual)

    def branch(self, attention: Tensor | None = None, values: Tensor | None = None) -> Tensor:
        """Proj(A V), output bias included: (B, T, W). attention (B, h, T, T) or broadcastable; None is the identity, each
        token keeps its own value. values: other ones than the block's."""
        v = self.v if values is None else values
        mixed = v if attention is None else attention @ v  # (B, h, T, W/h)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def leave(self, branch: Tensor, residual: bool = True, mlp: bool = True) -> Tensor:
        """Patches in the shared space, (B, P, D), *not* normalised: the block's `branch`, with or without the stream added
        to it, with or without the MLP on top, then the tower's final norm and projection."""
        block = blocks(self.visual)[-1]
        y = self.x + branch if residual else branch
        if mlp:
            norm = block.norm2 if hasattr(block, "norm2") else block.ln_2
            y = y + block.mlp(norm(y))
        return project(self.visual, y[:, 1:] if self.class_token else y)

    def patches(self, attention: Tensor) -> Tensor:
        """Attention among patches alone: (B, h, P, P), without the class token's row and column."""
        return attention[..., 1:, 1:] if self.class_token else attention


def enter_last_block(model: nn.Module, images: Tensor) -> LastBlock:
    """Run an image tower, ours or open_clip's, up to its last block. Gradients flow where they are enabled.

    Raises:
        TypeError: the tower is neither ours nor open_clip's VisionTransformer. ValueError: it is in training mode, in which
        patches may be dropped.
    """
    visual = model.visual
    if visual.training:
        raise ValueError("the model is in training mode, in which patches may be dropped: call model.eval() first")
    block, caught = blocks(visual)[-1], []
    hook = block.register_forward_pre_hook(lambda m, a: caught.append(a[0]))
    try:
        model.encode_image(images)
    finally:
        hook.remove()
    return at_last_block(visual, caught[0] if batch_first(visual) else caught[0].transpose(0, 1))


def at_last_block(visual: nn.Module, x: Tensor) -> LastBlock:
    """The last block of an image tower for what enters it, x (B, T, W)."""
    return LastBlock(visual, x, *attention_inputs(blocks(visual)[-1], x))


def query_key(block: LastBlock) -> Tensor:
    """softmax(q k^T / sqrt(d)), CLIP's own attention: (B, h, T, T)."""
    return (block.q @ block.k.transpose(-1, -2) / block.q.shape[-1] ** 0.5).softmax(dim=-1)


def plain_tokens(block: LastBlock) -> Tensor:
    """The patch tokens of the unmodified tower in the shared space, (B, P, D): the floor of every dense comparison."""
    return block.leave(block.branch(query_key(block)))


@torch.no_grad()
def enter_many(model: nn.Module, images: Tensor, batch_size: int = 64) -> LastBlock:
    """`enter_last_block` for many images, batch by batch, without gradients; what entered is kept on the model's device."""
    device = next(model.parameters()).device
    return at_last_block(model.visual, torch.cat([enter_last_block(model, x.to(device)).x for x in images.split(batch_size)]))
