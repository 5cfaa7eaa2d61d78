"""Noise that makes a decoder of text embeddings accept image embeddings (Nukrai et al. 2022, CapDec)."""

import torch
import torch.nn.functional as F
from torch import Tensor


def noisy(v: Tensor, epsilon: float, generator: torch.Generator | None = None) -> Tensor:
    r"""$(v+n)/\lVert v+n\rVert$ with $n\sim\mathcal N(0,\epsilon^2I_D)$: what the decoder is trained on, in place of the text
    embedding $v$ (Nukrai et al. 2022; the released code draws each entry and normalises afterwards).

    Args:
        v: unit rows (..., D). epsilon: standard deviation of each entry; 0 returns v itself.

    Raises:
        ValueError: a negative epsilon.
    """
    if epsilon < 0:
        raise ValueError(f"epsilon is {epsilon}; a standard deviation is at least 0")
    if epsilon == 0:
        return v
    return F.normalize(v + epsilon * torch.randn(v.shape, generator=generator, dtype=v.dtype), dim=-1)


def cosine_after(epsilon: float, d: int) -> float:
    r"""$1/\sqrt{1+\epsilon^2D}$: about the cosine of a unit vector with its noisy self, for large D."""
    return (1 + epsilon**2 * d) ** -0.5


def epsilon_for(cosine: float, d: int) -> float:
    """The epsilon after which that cosine is left: the inverse of `cosine_after`.

    Raises:
        ValueError: a cosine that is not in (0, 1].
    """
    if not 0 < cosine <= 1:
        raise ValueError(f"cosine {cosine} is not in (0, 1]; noise can't turn a vector round")
    return ((cosine**-2 - 1) / d) ** 0.5


def moved(u: Tensor, offset: Tensor) -> Tensor:
    """Image embeddings u (n, D) moved by an offset (D,), as mean of texts minus mean of images, and back to unit length."""
    return F.normalize(u + offset, dim=-1)


def gap(u: Tensor, v: Tensor) -> dict[str, float]:
    """How images u (n, D) and the sentences of each, v (n, S, D), lie to one another; all are unit rows.

    Returns:
        offset: distance of the means. matched: mean cosine of an image and its sentences. other: that of an image with those
        of the next. spread: mean over images and pairs of their sentences of the largest difference of an entry.

    Raises:
        ValueError: not as many images as rows of sentences, or fewer than two sentences.
    """
    if len(u) != len(v) or v.shape[1] < 2:
        raise ValueError(f"{len(u)} images and {len(v)} rows of {v.shape[1]} sentences; each image needs at least two")
    first, second = torch.triu_indices(v.shape[1], v.shape[1], 1)
    return {
        "offset": (u.mean(dim=0) - v.mean(dim=(0, 1))).norm().item(),
        "matched": torch.einsum("nd,nsd->ns", u, v).mean().item(),
        "other": torch.einsum("nd,nsd->ns", u, v.roll(1, dims=0)).mean().item(),
        "spread": (v[:, first] - v[:, second]).abs().amax(dim=-1).mean().item(),
    }
