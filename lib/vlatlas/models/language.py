"""A small causal language model, with room before the words for vectors that are none."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .checkpoint import load_state, restored, save_state
from .tokenizer import END, WordTokenizer
from .transformer import Block, init_transformer

State = list[Tensor]  # keys and values of each block in turn, each (B, heads, P, width / heads)


class LanguageModel(nn.Module):
    r"""$p_\theta(t_j\mid t_1,\dots,t_{j-1})$ as a pre-norm causal transformer whose output layer is its embedding, as
    GPT-2's is (Radford et al. 2019). END stands between texts, so it also says "begin".

    Args:
        words: the vocabulary. context: most positions. width, depth, heads: of the transformer.

    Shapes: ids (B, T) long -> logits (B, T, V). Vectors (B, P, W), instead of words or before them, go through `read`.

    Raises:
        ValueError: more positions than the context holds.
    """

    def __init__(self, words: list[str], context: int = 64, width: int = 64, depth: int = 3, heads: int = 4):
        super().__init__()
        self.sizes = {"context": context, "width": width, "depth": depth, "heads": heads}
        self.tokenizer = WordTokenizer(words, context)
        self.embed_tokens = nn.Embedding(len(self.tokenizer), width)
        self.position = nn.Parameter(torch.empty(1, context, width))
        self.blocks = nn.ModuleList(Block(width, heads, causal=True) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        init_transformer(self, depth)

    @property
    def width(self) -> int:
        """W, the width of the word embeddings."""
        return self.embed_tokens.weight.shape[1]

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, V): entry j is about the token that follows the first j + 1."""
        return self.read(self.embed_tokens(ids))

    def read(self, x: Tensor) -> Tensor:
        """Logits (B, P, V) after each of the vectors x (B, P, W)."""
        x = self._placed(x, 0)
        for block in self.blocks:
            x = block(x)
        return self._logits(x)

    def start(self, x: Tensor) -> tuple[Tensor, State]:
        """Logits (B, V) after all of x (B, P, W), and the state to go on from."""
        empty = x.new_empty(len(x), self.sizes["heads"], 0, self.width // self.sizes["heads"])
        return self._extend(x, [empty] * (2 * len(self.blocks)))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """The same after one more token (B,) each: only its own position is computed."""
        return self._extend(self.embed_tokens(tokens)[:, None], state)

    def _extend(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        seen, new, out = state[0].shape[2], x.shape[1], []
        x = self._placed(x, seen)
        mask = torch.ones(new, seen + new, dtype=torch.bool, device=x.device).tril(seen)  # a row sees what is not after it
        for block, keys, values in zip(self.blocks, state[::2], state[1::2], strict=True):
            qkv = block.attention.qkv(block.norm1(x)).unflatten(-1, (3, self.sizes["heads"], -1))
            q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, h, P, W/h)
            k, v = torch.cat([keys, k], dim=2), torch.cat([values, v], dim=2)
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = x + block.attention.out(y.transpose(1, 2).flatten(2))
            x = x + block.mlp(block.norm2(x))
            out += [k, v]
        return self._logits(x[:, -1]), out

    def _placed(self, x: Tensor, first: int) -> Tensor:
        if first + x.shape[1] > self.sizes["context"]:
            raise ValueError(f"{first + x.shape[1]} positions, room for {self.sizes['context']}: shorten the text or the prefix")
        return x + self.position[:, first : first + x.shape[1]]

    def _logits(self, x: Tensor) -> Tensor:
        return self.norm(x) @ self.embed_tokens.weight.T


def log_likelihood(logits: Tensor, ids: Tensor) -> Tensor:
    r"""$\sum_j\log p(t_j\mid\dots)$ of each row, END included and padding after it not.

    logits (B, T, V): row j is about ids[:, j]; ids (B, T) long. Returns (B,).
    """
    ends = (ids == END).int().cumsum(dim=1)
    told = (ends == 0) | ((ends == 1) & (ids == END))  # up to the first END
    log_p = logits.log_softmax(dim=-1).gather(2, ids[..., None])[..., 0]  # (B, T)
    return (log_p * told).sum(dim=1)


def save_language_model(path: Path, model: LanguageModel, card: dict) -> None:
    """Write a model, its vocabulary and its card; weights in half precision."""
    tensors = {k: v.half() for k, v in model.state_dict().items()}
    save_state(path, tensors, {"kind": "language", "words": model.tokenizer.words, "sizes": model.sizes, "card": card})


def load_language_model(path: Path) -> tuple[LanguageModel, dict]:
    """A model in evaluation mode, its weights in float32, and its card.

    Raises:
        FileNotFoundError, ValueError: as `load_state`; also when the file holds something else, or other weights.
    """
    tensors, meta = load_state(path)
    if meta.get("kind") != "language":
        raise ValueError(f"{path} holds a {meta.get('kind', 'training state')!r}, not a language model; check the name")
    return restored(lambda: LanguageModel(meta["words"], **meta["sizes"]), tensors, path), meta["card"]
