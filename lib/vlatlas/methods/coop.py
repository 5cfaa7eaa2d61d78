"""Learnable context vectors in front of the class name (Zhou et al. 2022, CoOp)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.anatomy import attention_inputs


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
        self.register_buffer("last", torch.tensor([len(tokens) - 1 for tokens in encoded]))  # the word at which a text ends
        self.vectors = nn.Parameter(vectors.clone())

    @property
    def text(self) -> nn.Module:
        """The frozen text tower."""
        return self._text[0]

    def class_embeddings(self) -> Tensor:
        """w(V): (C, D), unit rows."""
        return read_behind(self.text, self.vectors.view(-1, *self.vectors.shape[-2:]), self.words, self.last)

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


def read_behind(text, contexts: Tensor, words: Tensor, last: Tensor) -> Tensor:
    """Features (S, D), unit rows, of S sentences: contexts (K, M, width) followed by words (S, R, width), read at word `last`
    (S,) of each. S is a multiple n of K, and n sentences in a row share a context.

    The text tower is causal: nothing in a context depends on what follows, so it is passed once and not n times; words
    attend to it and to the words before them. After the last attention only the word that is read goes on.
    """
    (S, R, _), M = words.shape, contexts.shape[1]
    c, x = contexts + text.position[:, :M], words + text.position[:, M : M + R]
    later = torch.ones(R, R, dtype=torch.bool, device=x.device).triu(1)  # word r does not see the words behind it
    for block in text.blocks:
        before, here = attention_inputs(block, c), attention_inputs(block, x)  # (K, h, M, W/h) and (S, h, R, W/h)
        q = here.q
        if block is text.blocks[-1]:  # one query, and no context goes on
            row = torch.arange(S, device=x.device)
            q, x, later = q[row, :, last][:, :, None], x[row, last][:, None], later[last][:, None, None]
        else:
            c = block(c)
        y = attend(q * q.shape[-1] ** -0.5, before.k, before.v, here.k, here.v, later)
        x = x + here.out(y.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
    return F.normalize(text.project(text.norm(x[:, 0])), dim=-1)


def attend(q: Tensor, far_k: Tensor, far_v: Tensor, near_k: Tensor, near_v: Tensor, hidden: Tensor) -> Tensor:
    """Attention of scaled queries (S, h, R, d) to shared keys and values (K, h, M, d), none of them copied, and to their own
    (S, h, R', d), where not `hidden`: (S, h, R, d)."""
    groups = (len(far_k), -1)
    far = torch.einsum("knhrd,khmd->knhrm", q.unflatten(0, groups), far_k).flatten(0, 1)  # (S, h, R, M)
    near = (q @ near_k.transpose(-1, -2)).masked_fill(hidden, -torch.inf)  # (S, h, R, R')
    far, near = torch.cat([far, near], dim=-1).softmax(dim=-1).split([far.shape[-1], near.shape[-1]], dim=-1)
    return torch.einsum("knhrm,khmd->knhrd", far.unflatten(0, groups), far_v).flatten(0, 1) + near @ near_v


def words_as_vectors(clip, words: str) -> Tensor:
    """The embeddings of some words, (M, width): a context to start from."""
    ids = clip.tokenizer.encode(words)[:-1]  # without the end-of-text token
    return clip.text.embed_tokens(torch.tensor(ids)).detach()


def random_vectors(clip, shape: tuple[int, ...], seed: int) -> Tensor:
    """Gaussian vectors with the spread of the word embeddings, (*shape, width)."""
    table = clip.text.embed_tokens.weight.detach()
    generator = torch.Generator().manual_seed(seed)
    return (table.std() * torch.randn(*shape, table.shape[1], generator=generator)).to(table)


def nearest_words(clip, vectors: Tensor) -> list[str]:
    """For each vector (M, width) the word whose embedding is nearest, by Euclidean distance."""
    words = clip.tokenizer.words
    table = clip.text.embed_tokens.weight.detach()[3:]  # without padding, unknown and end
    return [words[i] for i in torch.cdist(vectors.detach(), table).argmin(dim=1)]
