"""The pre-norm transformer block that both towers are made of."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def written_out(q: Tensor, k: Tensor, v: Tensor, is_causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(d)) v, each (B, h, P, d), q perhaps of the first tokens alone, by plain products: on a CPU in bfloat16
    the backward pass of torch's fused kernel is slower than this (`make bench`)."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if is_causal:
        P = scores.shape[-1]
        scores = scores.masked_fill(torch.ones(scores.shape[-2], P, dtype=torch.bool, device=q.device).triu(1), -torch.inf)
    return scores.softmax(dim=-1).to(v.dtype) @ v


class Attention(nn.Module):
    """Multi-head self-attention (Vaswani et al. 2017, Sec. 3.2). Input (B, P, W), output (B, P, W), or (B, tokens, W): all tokens
    are looked at, and those from the front alone look."""

    def __init__(self, width: int, heads: int, causal: bool = False):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}; choose heads that divide it")
        self.heads = heads
        self.causal = causal
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, tokens: int | None = None) -> Tensor:
        B, P, W = x.shape
        qkv = self.qkv(x).view(B, P, 3, self.heads, W // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, h, P, W/h)
        attend = written_out if q.dtype == torch.bfloat16 and q.device.type == "cpu" else F.scaled_dot_product_attention
        y = attend(q[:, :, :tokens], k, v, is_causal=self.causal)  # (B, h, P or tokens, W/h)
        return self.out(y.transpose(1, 2).reshape(B, y.shape[2], W))


class Block(nn.Module):
    """x + Attention(LN(x)), then x + MLP(LN(x)) with a hidden layer of 4 W. Input and output (B, P, W)."""

    def __init__(self, width: int, heads: int, causal: bool = False):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


def init_transformer(module: nn.Module, depth: int) -> None:
    """Truncated-normal weights of variance 1 / fan_in, zero biases; the two layers that write to the residual stream
    are scaled by 1 / sqrt(2 depth), so that its variance does not grow with depth. Embeddings of tokens: std 1.

    The fixed std of 0.02 of large models makes attention start uniform at our widths: a tower of width 64 then needs
    several times the images before it tells shapes apart.
    """
    for name, parameter in module.named_parameters():
        if parameter.ndim < 2:
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            continue
        std = parameter.shape[-1] ** -0.5
        if name.endswith(("attention.out.weight", "mlp.2.weight")):
            std /= (2 * depth) ** 0.5
        nn.init.trunc_normal_(parameter, std=std, a=-3 * std, b=3 * std)
