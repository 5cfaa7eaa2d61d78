"""The parts of a Vision Transformer under one name each, whether the tower is ours or open_clip's."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from .transformer import Attention, Block


class AttentionInputs(NamedTuple):
    """What a block's attention works with. normed: (B, T, W), after the block's first LayerNorm. q, k, v: (B, h, T, W/h).
    out: the linear layer that mixes the heads, W -> W."""

    normed: Tensor
    q: Tensor
    k: Tensor
    v: Tensor
    out: nn.Linear

    def weights(self) -> Tensor:
        r"""$\mathrm{softmax}(q k^\top/\sqrt d)$, d = W/h: (B, h, T, T), rows sum to one."""
        return (self.q @ self.k.transpose(-1, -2) / self.q.shape[-1] ** 0.5).softmax(dim=-1)

    def heads_out(self) -> Tensor:
        """The output layer cut by heads: (W, h, W/h), so that what head h writes for a value v is pieces[:, h] @ v."""
        return self.out.weight.unflatten(1, (self.q.shape[1], -1))


def blocks(visual: nn.Module) -> list[nn.Module]:
    """The transformer blocks of an image tower. Raises TypeError for a tower that is neither ours nor open_clip's."""
    if hasattr(visual, "embed_patches"):
        return list(visual.blocks)
    if hasattr(getattr(visual, "transformer", None), "resblocks"):
        return list(visual.transformer.resblocks)
    raise TypeError(
        f"image tower {type(visual).__name__} is neither vlatlas's nor open_clip's VisionTransformer; "
        "use forward hooks of torch directly"
    )


def batch_first(visual: nn.Module) -> bool:
    """Whether tokens pass through the blocks as (B, T, W); some open_clip towers have (T, B, W)."""
    attention = _attention(blocks(visual)[0])
    return isinstance(attention, Attention) or bool(getattr(attention, "batch_first", False))


def has_class_token(visual: nn.Module) -> bool:
    """Whether token 0 is a class token."""
    return visual.class_token is not None if hasattr(visual, "embed_patches") else True


def project(visual: nn.Module, tokens: Tensor) -> Tensor:
    """Tokens (B, P, W) as if each were the pooled one: final norm and projection, (B, P, D)."""
    if hasattr(visual, "embed_patches"):
        return visual.project(visual.norm(tokens))
    tokens = visual.ln_post(tokens)
    return tokens if visual.proj is None else tokens @ visual.proj


def attention_inputs(block: nn.Module, x: Tensor) -> AttentionInputs:
    """From a block's input x (B, T, W). Raises TypeError for an attention that is neither ours nor torch's."""
    attention = _attention(block)
    if isinstance(attention, Attention):
        normed, heads, out = block.norm1(x), attention.heads, attention.out
        weight, bias = attention.qkv.weight, attention.qkv.bias
    elif isinstance(attention, nn.MultiheadAttention):
        normed, heads, out = block.ln_1(x), attention.num_heads, attention.out_proj
        weight, bias = attention.in_proj_weight, attention.in_proj_bias
    else:
        raise TypeError(f"attention of type {type(attention).__name__} is not known; expected torch's MultiheadAttention")
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in F.linear(normed, weight, bias).chunk(3, dim=-1))
    return AttentionInputs(normed, q, k, v, out)


def _attention(block: nn.Module) -> nn.Module:
    return block.attention if isinstance(block, Block) else block.attn
