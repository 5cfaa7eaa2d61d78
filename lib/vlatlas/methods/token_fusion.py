"""One transformer layer over an image's patches and a sentence's words: the usual, heavier way to fuse two modalities."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.transformer import Block


@torch.no_grad()
def word_states(text: nn.Module, ids: Tensor) -> tuple[Tensor, Tensor]:
    """A frozen text tower's last hidden states, (B, T, W), and which of them are words or the end of the text, (B, T) bool.

    ids: (B, C), cut to the longest text.
    """
    last = (ids == text.end).int().argmax(dim=1)
    ids = ids[:, : int(last.max()) + 1]
    x = text.embed_tokens(ids) + text.position[:, : ids.shape[1]]
    for block in text.blocks:
        x = block(x)
    return text.norm(x), torch.arange(ids.shape[1]) <= last[:, None]


class TokenFusion(nn.Module):
    """Patches and words of a query, each projected to one width, attend to one another; the mean token, projected, is the
    query, (B, D) unit rows. No token of padding takes part.

    patches: (B, P, Wi), words: (B, T, Wt), there: (B, T) bool, which words there are.
    """

    def __init__(self, image_width: int, text_width: int, d: int, width: int = 96, heads: int = 4):
        super().__init__()
        self.image, self.text = nn.Linear(image_width, width), nn.Linear(text_width, width)
        self.kind = nn.Parameter(0.02 * torch.randn(2, width))
        self.block = Block(width, heads)
        self.project = nn.Linear(width, d)

    def forward(self, patches: Tensor, words: Tensor, there: Tensor) -> Tensor:
        x = torch.cat([self.image(patches) + self.kind[0], self.text(words) + self.kind[1]], dim=1)  # (B, P + T, W)
        mask = torch.cat([there.new_ones(patches.shape[:2]), there], dim=1)  # (B, P + T)
        attention, (B, N, W) = self.block.attention, x.shape
        q, k, v = attention.qkv(self.block.norm1(x)).view(B, N, 3, attention.heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None, :])  # (B, h, N, W/h)
        x = x + attention.out(y.transpose(1, 2).reshape(B, N, W))
        x = x + self.block.mlp(self.block.norm2(x))
        pooled = (x * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        return F.normalize(self.project(pooled), dim=-1)


class FusionStage(nn.Module):
    """Training of a `TokenFusion` on cached tokens: forward(patches, words, there, target features (B, D))."""

    def __init__(self, fusion: TokenFusion):
        super().__init__()
        self.fusion = fusion

    def forward(self, patches: Tensor, words: Tensor, there: Tensor, target: Tensor) -> dict[str, Tensor]:
        return {"query": self.fusion(patches, words, there), "target": F.normalize(target, dim=-1)}
