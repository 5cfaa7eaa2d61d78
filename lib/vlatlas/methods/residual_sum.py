"""The image vector as a sum of what each layer, head and token writes into it (Gandelsman et al. 2024)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..models.anatomy import attention_inputs, batch_first, blocks, has_class_token


@dataclass
class Parts:
    r"""The vectors u (B, D), not normalised, of B images, taken apart. L layers, h heads, T tokens.

    heads: (L, B, h, T, D), what head h of layer l takes from token p, $c_p^{l,h}$. biases: (L, B, D), of the attentions'
    output layers. mlps: (L, B, D). start: (B, D), the tokens that enter the first block. shift: (D,), the bias of the final
    norm. features: (B, D), what `encode_image` gives.
    """

    heads: Tensor
    biases: Tensor
    mlps: Tensor
    start: Tensor
    shift: Tensor
    features: Tensor

    def total(self) -> Tensor:
        """(B, D): the sum of all parts, equal to `features` up to rounding."""
        return self.heads.sum(dim=(0, 2, 3)) + self.biases.sum(dim=0) + self.mlps.sum(dim=0) + self.start + self.shift


@torch.no_grad()
def decompose(model: nn.Module, images: Tensor, fold: bool = True) -> Parts:
    r"""Take `model.encode_image(images)` apart; towers of ours and open_clip's.

    The pooled feature is $\Pi\sum_t\pi_t\,\mathrm{LN}(z_t)$: pooling weights $\pi_t$ (1 for a class token, 1/T for the mean), and
    $\mathrm{LN}(z)=\gamma\odot(z-\bar z)/\sigma(z)+\beta$. Once $\sigma$ *of this image's token* is known, the map is linear
    in $z$, and $z$ is the sum of what the blocks wrote. fold=False takes the mean of $1/\sigma$ over the batch in its place,
    a mistake, to see what it costs.

    Raises:
        ValueError: a model in training mode, a pooling that is neither class token nor mean, or a tower with parts that are
        not accounted for. TypeError: a tower that is neither ours nor open_clip's VisionTransformer.
    """
    visual = model.visual
    if visual.training:
        raise ValueError("the model is in training mode, in which patches may be dropped: call model.eval() first")
    inputs, outputs, written, hooks = [], [], [], []
    for block in blocks(visual):
        hooks.append(block.register_forward_pre_hook(lambda m, a: inputs.append(a[0].detach())))
        hooks.append(block.register_forward_hook(lambda m, a, out: outputs.append(out.detach())))
        hooks.append(block.mlp.register_forward_hook(lambda m, a, out: written.append(out.detach())))
    try:
        features = model.encode_image(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not batch_first(visual):  # (T, B, W)
        inputs, outputs, written = ([x.transpose(0, 1) for x in xs] for xs in (inputs, outputs, written))
    norm, projection = _head(visual)
    weight = _pooling(visual, outputs[-1])  # pi_t, (T,)
    scale = (outputs[-1].var(dim=-1, unbiased=False) + norm.eps).rsqrt()  # 1 / sigma, (B, T)
    weight = weight * (scale if fold else scale.mean(dim=0, keepdim=True).expand_as(scale))

    def linear(x: Tensor) -> Tensor:
        """Pi gamma (x - mean of x), (..., W) -> (..., D)."""
        return (norm.weight * (x - x.mean(dim=-1, keepdim=True))) @ projection

    heads, biases = [], []
    for block, x in zip(blocks(visual), inputs, strict=True):
        attention, values, bias = _values(block, x)
        taken = torch.einsum("bt,bhtp->bhp", weight, attention)  # how much of token p reaches the pooled vector
        heads.append(taken[..., None] * linear(values))  # (B, h, T, D)
        biases.append(weight.sum(dim=1)[:, None] * linear(bias))
    mlps = [linear(torch.einsum("bt,btw->bw", weight, x)) for x in written]
    start = linear(torch.einsum("bt,btw->bw", weight, inputs[0]))
    parts = Parts(torch.stack(heads), torch.stack(biases), torch.stack(mlps), start, norm.bias @ projection, features)
    missing = (parts.total() - features).abs().max().item()
    if fold and missing > 1e-2 * features.abs().max().item():
        raise ValueError(f"the parts miss the output by {missing:.2g}: this tower has parts that `decompose` does not know")
    return parts


def _head(visual: nn.Module) -> tuple[nn.LayerNorm, Tensor]:
    """Final norm, and projection (W, D)."""
    if hasattr(visual, "embed_patches"):
        return visual.norm, visual.project.weight.T
    return visual.ln_post, visual.proj


def _pooling(visual: nn.Module, tokens: Tensor) -> Tensor:
    """(T,) the weight of each token in the pooled one."""
    weight = torch.zeros(tokens.shape[1], dtype=tokens.dtype, device=tokens.device)
    if not hasattr(visual, "embed_patches") and visual.pool_type != "tok":
        raise ValueError(f"pooling {visual.pool_type!r} is not supported; use a tower with a class token")
    if has_class_token(visual):
        weight[0] = 1
    else:
        weight.fill_(1 / len(weight))
    return weight


def _values(block: nn.Module, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Attention (B, h, T, T), what each head would write for each token, W_VO LN(z_p) (B, h, T, W), and the bias (W,)."""
    inner = attention_inputs(block, x)
    rows = inner.weights()  # each sums to one, so the values' bias may stay in v
    return rows, torch.einsum("bhtd,whd->bhtw", inner.v, inner.heads_out()), inner.out.bias
