"""Learnable context vectors in front of the class name (Zhou et al. 2022, CoOp)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.anatomy import attention_inputs
from .on_features import fit_on_features


class Context(nn.Module):
    r"""Prompts $t_c = [V]_1 \dots [V]_M [\mathrm{CLASS}_c]$ whose context is a set of vectors (Zhou et al. 2022, "end").

    The text tower is frozen: gradients pass through it into the vectors alone. With
    $w_c(V) = g(t_c) / \lVert g(t_c) \rVert$ the logits are $s\,w_c(V)^\top u$.

    Args:
        clip: a model of ours, with `text` and `tokenizer`. names: the class names, words of its vocabulary. scale: CLIP's
            logit scale s. vectors: V, (M, width) shared by all classes, or (C, M, width), one set for each.

    Shapes: unit features (B, D) -> logits (B, C).

    Raises:
        ValueError: vectors for another number of classes or of another width, a name outside the vocabulary, or prompts
            longer than the context of the text tower.
    """

    def __init__(self, clip, names: tuple[str, ...], scale: float, vectors: Tensor):
        super().__init__()
        text, self.scale = clip.text, scale
        encoded = [clip.tokenizer.encode(f"{name}.") for name in names]
        if any(1 in ids for ids in encoded):
            unknown = next(name for name, ids in zip(names, encoded, strict=True) if 1 in ids)
            raise ValueError(f"{unknown!r} has a word that the text tower does not know; name the class in its words")
        M, width = vectors.shape[-2:]
        longest = M + max(map(len, encoded))
        if vectors.ndim == 3 and len(vectors) != len(names) or width != text.position.shape[2] or longest > text.context:
            raise ValueError(
                f"vectors {tuple(vectors.shape)} for {len(names)} classes and prompts of {longest} tokens: the text tower "
                f"has width {text.position.shape[2]} and room for {text.context}"
            )
        ids = torch.full((len(names), longest - M), text.pad)
        for row, tokens in zip(ids, encoded, strict=True):
            row[: len(tokens)] = torch.tensor(tokens)
        self._text = [text]  # in a list: the frozen tower is no part of this module's parameters
        self.register_buffer("words", text.embed_tokens(ids).detach())  # (C, T - M, width), class name and end
        self.register_buffer("last", M - 1 + torch.tensor([len(tokens) for tokens in encoded]))  # where each text ends
        self.vectors = nn.Parameter(vectors.clone())

    def class_embeddings(self) -> Tensor:
        """w(V): (C, D), unit rows."""
        text, C = self._text[0], len(self.words)
        if self.vectors.ndim == 2:
            x = after_shared_context(text, self.vectors[None], self.words)  # (C, T - M, width)
            x = x[torch.arange(C), self.last - self.vectors.shape[0]]
        else:
            x = torch.cat([self.vectors, self.words], dim=1)  # (C, T, width)
            x = x + text.position[:, : x.shape[1]]
            for block in text.blocks:
                x = block(x)
            x = x[torch.arange(C), self.last]
        return F.normalize(text.project(text.norm(x)), dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        w = self.class_embeddings() if self.training else self._frozen()
        return self.scale * features @ w.T

    @torch.no_grad()
    def _frozen(self) -> Tensor:
        return self.class_embeddings()

    def transferred(self, clip, names: tuple[str, ...]) -> "Context":
        """The same unified context before other class names. Raises ValueError for a class-specific one."""
        if self.vectors.ndim == 3:
            raise ValueError("class-specific vectors belong to their classes; only a unified context can be carried over")
        return Context(clip, names, self.scale, self.vectors.detach()).eval().requires_grad_(False)


def after_shared_context(text, context: Tensor, words: Tensor) -> Tensor:
    """The text tower's states of the words (C, R, width) of C sentences that begin with the same context (1, M, width).

    The tower is causal: nothing in the context depends on what follows, so it is passed once and not C times; the words
    attend to it and to the words before them.
    """
    C, R, _ = words.shape
    M = context.shape[1]
    c, x = context + text.position[:, :M], words + text.position[:, M : M + R]
    earlier = torch.ones(R, M + R, dtype=torch.bool, device=x.device).tril(M)  # word r sees the context and words 0..r
    for block in text.blocks:
        before, here = attention_inputs(block, c), attention_inputs(block, x)  # (1, h, M, W/h) and (C, h, R, W/h)
        k, v = (torch.cat([old.expand(C, -1, -1, -1), new], dim=2) for old, new in ((before.k, here.k), (before.v, here.v)))
        y = F.scaled_dot_product_attention(here.q, k, v, attn_mask=earlier)  # (C, h, R, W/h)
        x = x + here.out(y.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
        c = block(c)
    return x


def words_as_vectors(clip, words: str) -> Tensor:
    """The embeddings of some words, (M, width): a context to start from."""
    ids = clip.tokenizer.encode(words)[:-1]  # without the end-of-text token
    return clip.text.embed_tokens(torch.tensor(ids)).detach()


def random_vectors(clip, shape: tuple[int, ...], seed: int) -> Tensor:
    """Gaussian vectors with the spread of the word embeddings, (*shape, width)."""
    table = clip.text.embed_tokens.weight.detach()
    generator = torch.Generator().manual_seed(seed)
    return table.std() * torch.randn(*shape, table.shape[1], generator=generator)


def nearest_words(clip, vectors: Tensor) -> list[str]:
    """For each vector (M, width) the word whose embedding is nearest, by Euclidean distance."""
    words = clip.tokenizer.words
    table = clip.text.embed_tokens.weight.detach()[3:]  # without padding, unknown and end
    return [words[i] for i in torch.cdist(vectors.detach(), table).argmin(dim=1)]


def coop(clip, length: int = 4, specific: bool = False, epochs: int = 100):
    """A fit of contexts of `length` vectors, random at the start: fit(task, features, labels, seed, lr) -> Context.

    specific: one set of vectors for each class (CSC). Each step uses all labelled features, since it is the text tower
    that costs. epochs=0 leaves the vectors as they were drawn.
    """

    def fit(task, features: Tensor, labels: Tensor, seed: int = 0, lr: float = 1e-2) -> Context:
        shape = (len(task.names), length) if specific else (length,)
        model = Context(clip, task.names, task.scale, random_vectors(clip, shape, seed))
        if epochs:
            fit_on_features(model, features, labels, epochs, lr, seed, batch_size=len(features))
        return model.eval().requires_grad_(False)

    return fit
