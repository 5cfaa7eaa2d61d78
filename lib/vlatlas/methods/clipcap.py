"""A prefix for a language model out of an image embedding (Mokady et al. 2021, ClipCap)."""

import torch
from torch import Tensor, nn

from ..models.language import LanguageModel, State, log_likelihood
from ..models.transformer import Block, init_transformer


class MLPMapper(nn.Module):
    r"""$F(u) = W_2\tanh(W_1u)$ cut into $k$ vectors, the hidden layer half as wide as the output, as in the public code.

    Shapes: u (B, D) -> (B, k, W).
    """

    def __init__(self, d: int, k: int, width: int):
        super().__init__()
        self.k = k
        self.net = nn.Sequential(nn.Linear(d, k * width // 2), nn.Tanh(), nn.Linear(k * width // 2, k * width))

    def forward(self, u: Tensor) -> Tensor:
        return self.net(u).unflatten(1, (self.k, -1))


class LinearMapper(nn.Module):
    """F(u) = W u, cut into k vectors: the unfolding without a hidden layer. Shapes: u (B, D) -> (B, k, W)."""

    def __init__(self, d: int, k: int, width: int):
        super().__init__()
        self.k, self.net = k, nn.Linear(d, k * width)

    def forward(self, u: Tensor) -> Tensor:
        return self.net(u).unflatten(1, (self.k, -1))


class TransformerMapper(nn.Module):
    r"""A transformer reads $u$, unfolded into a few tokens, beside $k$ learned constants; the prefix is what it makes of the
    constants: $F(u)=\mathrm{Transformer}([Wu;\,c_1,\dots,c_k])_{\text{at }c}$ (Mokady et al. 2021, Sec. 3.3).

    Args:
        d: D of u. k: prefix length. width: W. depth, heads: of the transformer (8 and 8 in the public code). tokens: into
            which u is unfolded (10 there).

    Shapes: u (B, D) -> (B, k, W).
    """

    def __init__(self, d: int, k: int, width: int, depth: int = 2, heads: int = 4, tokens: int = 4):
        super().__init__()
        self.unfold = nn.Linear(d, tokens * width)
        self.constants = nn.Parameter(torch.empty(k, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        init_transformer(self, depth)
        nn.init.normal_(self.constants)

    def forward(self, u: Tensor) -> Tensor:
        constants = self.constants.expand(len(u), -1, -1)
        x = torch.cat([self.unfold(u).unflatten(1, (-1, constants.shape[2])), constants], dim=1)  # (B, tokens + k, W)
        for block in self.blocks:
            x = block(x)
        return x[:, -constants.shape[1] :]


class ClipCap(nn.Module):
    r"""A language model that goes on from the prefix: $\mathcal{L}=-\sum_j\log p_\theta(t_j\mid e_1..e_k,t_1..t_{j-1})$ with
    $(e_1,\dots,e_k)=F(u)$ (Mokady et al. 2021, Sec. 3.1).

    Args:
        mapper: F. model: the language model, taken as it is, not copied. frozen: only F is trained.
    """

    def __init__(self, mapper: nn.Module, model: LanguageModel, frozen: bool = True):
        super().__init__()
        self.mapper, self.model, self.frozen = mapper, model, frozen
        self.model.requires_grad_(not frozen)

    def forward(self, u: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """log p(t | u) of each caption: u (B, D), ids (B, T), END last and padding after it -> log_p (B,)."""
        prefix = self.mapper(u)  # (B, k, W)
        x = torch.cat([prefix, self.model.embed_tokens(ids[:, :-1])], dim=1)  # (B, k + T - 1, W)
        logits = self.model.read(x)[:, prefix.shape[1] - 1 :]  # the last prefix vector foretells the first word
        return {"log_p": log_likelihood(logits, ids)}

    def start(self, u: Tensor) -> tuple[Tensor, State]:
        """Logits (B, V) of the first word, and the state for `step`."""
        return self.model.start(self.mapper(u))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (B, V) of the next word after tokens (B,)."""
        return self.model.step(tokens, state)

    def nearest_words(self, u: Tensor) -> list[list[str]]:
        """The word whose embedding is nearest (by cosine) to each prefix vector: for each of u (B, D), k words."""
        words = nn.functional.normalize(self.model.embed_tokens.weight[3:], dim=-1)
        near = (nn.functional.normalize(self.mapper(u), dim=-1) @ words.T).argmax(dim=-1)  # (B, k)
        return [[self.model.tokenizer.words[i] for i in row] for row in near.tolist()]


def trained_parameters(model: nn.Module) -> int:
    """How many numbers training may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
