"""The text tower: a causal transformer read at its end-of-text token."""

import torch
from torch import Tensor, nn

from .transformer import Block, init_transformer


class TextTransformer(nn.Module):
    """CLIP's text encoder (Radford et al. 2021, Sec. 2.4): causal, the feature is read where the text ends.

    Because attention is causal, nothing after the end-of-text token can reach it: padding needs no mask, and columns
    in which every row is padding are cut off before the first block.

    Args:
        vocabulary: number of token ids. context: longest text in tokens. width, depth, heads: of the transformer.
        embed_dim: D of the shared space. end: id of the end-of-text token; pad: id of padding.

    Shapes: ids (B, T) long, T <= context -> features (B, D), *not* normalised.

    Raises:
        ValueError: a text longer than the context, or without an end-of-text token.
    """

    def __init__(
        self,
        vocabulary: int,
        context: int = 32,
        width: int = 64,
        depth: int = 2,
        heads: int = 2,
        embed_dim: int = 64,
        end: int = 2,
        pad: int = 0,
    ):
        super().__init__()
        self.context = context
        self.end = end
        self.pad = pad
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.position = nn.Parameter(torch.empty(1, context, width))
        self.blocks = nn.ModuleList(Block(width, heads, causal=True) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, embed_dim, bias=False)
        init_transformer(self, depth)
        nn.init.normal_(self.embed_tokens.weight)

    def forward(self, ids: Tensor) -> Tensor:
        if ids.shape[1] > self.context:
            raise ValueError(f"text of {ids.shape[1]} tokens; the context is {self.context}: shorten it or tokenize anew")
        is_end = ids == self.end  # (B, T)
        if not bool(is_end.any(dim=1).all()):
            raise ValueError(f"a text has no end-of-text token (id {self.end}); make ids with the model's tokenizer")
        last = is_end.int().argmax(dim=1)  # (B,) position of the first end token
        ids = ids[:, : int(last.max()) + 1]  # no work on columns of padding
        x = self.embed_tokens(ids) + self.position[:, : ids.shape[1]]  # (B, T, W)
        for block in self.blocks:
            x = block(x)
        x = x[torch.arange(len(x), device=x.device), last]  # (B, W)
        return self.project(self.norm(x))  # (B, D)
