"""Two encoders and a third that fuses them: text tokens attend to one another, then to an image's tokens (Li et al. 2021)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.transformer import Attention, Block, init_transformer


class CrossAttention(nn.Module):
    """Each word asks the image: softmax(q k^T / sqrt(d)) v with q from text (N, T, W), k and v from images (B, P, W).

    rows: (N,) long, which image each text is read with, so that an image met by several texts is projected once.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is not a multiple of heads {heads}; choose heads that divide it")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, z: Tensor, rows: Tensor) -> Tensor:
        N, T, W = x.shape
        q = self.query(x).view(N, T, self.heads, W // self.heads).transpose(1, 2)  # (N, h, T, W/h)
        kv = self.key_value(z).view(*z.shape[:2], 2, self.heads, W // self.heads)
        k, v = kv.permute(2, 0, 3, 1, 4)[:, rows]  # each (N, h, P, W/h)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(N, T, W))


class FusionBlock(nn.Module):
    """Self-attention among words, cross-attention to the image, MLP; each added to x after a layer norm of its input.

    tokens: of how many words, from the front, the output is wanted; the rest of the work is then left out.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.cross_attention = CrossAttention(width, heads)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, z: Tensor, rows: Tensor, tokens: int) -> Tensor:
        x = x[:, :tokens] + self.attention(self.norm1(x), tokens)
        x = x + self.cross_attention(self.norm2(x), z, rows)
        return x + self.mlp(self.norm3(x))


class FusionEncoder(nn.Module):
    """Layers over an image's frozen tokens, layers over a text, and fusion layers on top, each with its heads.

    Args:
        patch_width: of the frozen tokens. vocabulary: word ids there are. length: T, words of a text, its class token
            (in front) included; all texts have this length, so nothing is padded. width, heads: of every layer.
        image_layers, text_layers, fusion_layers: how many. embed_dim: D of the contrastive space.

    Raises:
        ValueError: texts of another length.
    """

    def __init__(
        self, patch_width: int, vocabulary: int, length: int, width: int = 64, heads: int = 4,
        image_layers: int = 1, text_layers: int = 1, fusion_layers: int = 1, embed_dim: int = 64,
    ):  # fmt: skip
        super().__init__()
        self.length = length
        self.patch_in = nn.Linear(patch_width, width)
        self.image_blocks = nn.ModuleList(Block(width, heads) for _ in range(image_layers))
        self.embed_words = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.empty(1, length, width))
        self.text_blocks = nn.ModuleList(Block(width, heads) for _ in range(text_layers))
        self.fusion_blocks = nn.ModuleList(FusionBlock(width, heads) for _ in range(fusion_layers))
        self.image_norm, self.text_norm, self.fusion_norm = (nn.LayerNorm(width) for _ in range(3))
        self.image_project = nn.Linear(width, embed_dim)
        self.text_project = nn.Linear(width, embed_dim)
        self.match_head = nn.Linear(width, 2)
        self.word_head = nn.Linear(width, vocabulary)
        init_transformer(self, text_layers + fusion_layers)
        nn.init.normal_(self.embed_words.weight)

    def see(self, patches: Tensor) -> Tensor:
        """Image tokens (B, P, W) from frozen ones (B, P, patch_width)."""
        z = self.patch_in(patches)
        for block in self.image_blocks:
            z = block(z)
        return self.image_norm(z)

    def read(self, ids: Tensor) -> Tensor:
        """Text tokens (B, T, W) that have not met an image."""
        if ids.shape[1] != self.length:
            raise ValueError(f"texts of {ids.shape[1]} ids; this encoder takes {self.length}, the class token included")
        h = self.embed_words(ids) + self.position
        for block in self.text_blocks:
            h = block(h)
        return self.text_norm(h)

    def image_features(self, z: Tensor) -> Tensor:
        """Unit rows (B, D) from an image's mean token."""
        return F.normalize(self.image_project(z.mean(dim=1)), dim=-1)

    def text_features(self, h: Tensor) -> Tensor:
        """Unit rows (B, D) from a text's class token."""
        return F.normalize(self.text_project(h[:, 0]), dim=-1)

    def fuse(self, h: Tensor, z: Tensor, rows: Tensor, tokens: int | None = None) -> Tensor:
        """Tokens (N, T, W) of texts h (N, T, W), text n read with image rows[n] of z (B, P, W); or the first `tokens` of them."""
        for block in self.fusion_blocks[:-1]:
            h = block(h, z, rows, self.length)
        return self.fusion_norm(self.fusion_blocks[-1](h, z, rows, tokens or self.length))

    def matches(self, fused: Tensor) -> Tensor:
        """Logits (N, 2) that text and image do not, or do, belong together, from the fused class token."""
        return self.match_head(fused[:, 0])

    @torch.no_grad()
    def match_scores(self, z: Tensor, h: Tensor, chunk: int = 16) -> Tensor:
        """(B, N): log-odds that image b of z (B, P, W) and text n of h (N, T, W) belong together, every pair fused."""
        out = []
        for part in z.split(chunk):
            rows = torch.arange(len(part), device=z.device).repeat_interleave(len(h))
            logits = self.matches(self.fuse(h.repeat(len(part), 1, 1), part, rows, tokens=1))  # (b N, 2)
            out.append((logits[:, 1] - logits[:, 0]).view(len(part), len(h)))
        return torch.cat(out)
