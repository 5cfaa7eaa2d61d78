"""Long-CLIP: positions stretched where they were never trained, summaries matched to the main components (Zhang et al. 2024)."""

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..losses.multi_positive import multi_positive_clip_loss
from ..models import CLIP, WordTokenizer
from ..models.clip import MAX_LOGIT_SCALE


def stretch(position: Tensor, keep: int, ratio: int) -> Tensor:
    r"""Knowledge-preserved stretching: the first `keep` position embeddings stay, the others are drawn out.

    $$e^*(p)=e(p),\ p\le k;\qquad e^*(p)=(1-a)\,e(\lfloor q\rfloor)+a\,e(\lceil q\rceil),\quad
    q=k+\frac{p-k}{\lambda},\ a=q-\lfloor q\rfloor,\ p>k,$$

    positions counted from 1, $k$ = keep, $\lambda$ = ratio.

    Shapes: position (T, W) -> (keep + (T - keep) ratio, W).

    Raises:
        ValueError: keep outside 1..T, or a ratio below 1.
    """
    T = len(position)
    if not 1 <= keep <= T or ratio < 1:
        raise ValueError(f"keep {keep} must be within 1..{T} and ratio {ratio} at least 1")
    p = torch.arange(1, keep + (T - keep) * ratio + 1, dtype=torch.float64, device=position.device)
    return _between(position, torch.where(p <= keep, p, keep + (p - keep) / ratio))


def interpolate(position: Tensor, length: int) -> Tensor:
    """Plain linear interpolation of all positions to `length` of them, first and last in place. (T, W) -> (length, W).

    Raises:
        ValueError: fewer than two positions before or after.
    """
    if len(position) < 2 or length < 2:
        raise ValueError(f"{len(position)} positions to {length}: interpolation needs two or more of both")
    return _between(position, torch.linspace(1, len(position), length, dtype=torch.float64, device=position.device))


def _between(position: Tensor, q: Tensor) -> Tensor:
    """Embeddings at the real-valued places q (L,), counted from 1: (L, W)."""
    low = q.floor()
    a = (q - low)[:, None].to(position.dtype)  # (L, 1)
    return (1 - a) * position[low.long() - 1] + a * position[q.ceil().long() - 1]


def primary_components(u: Tensor, k: int) -> Tensor:
    r"""Features with the k leading principal directions of their batch alone, $\tilde u_i=\bar u+U_kU_k^\top(u_i-\bar u)$.

    As in the released code, the result is not brought back to unit length. Shapes: u (N, D) -> (N, D).

    Raises:
        ValueError: k outside 1..D.
    """
    if not 1 <= k <= u.shape[1]:
        raise ValueError(f"{k} components of {u.shape[1]}: k must be within 1..{u.shape[1]}")
    centred = u - u.mean(dim=0)
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:k]  # (k, D), rows of U_k^T
    return u.mean(dim=0) + centred @ directions.T @ directions


def random_components(u: Tensor, k: int, seed: int) -> Tensor:
    """The same with k random directions, orthonormal and fixed by the seed: the control. Shapes: u (N, D) -> (N, D)."""
    noise = torch.randn(u.shape[1], k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    directions = torch.linalg.qr(noise).Q.T.to(u)  # (k, D)
    centred = u - u.mean(dim=0)
    return u.mean(dim=0) + centred @ directions.T @ directions


class KeepFirst(nn.Module):
    """A parametrisation: rows 0..keep-1 of (1, T, W) are what they were, whatever an optimiser does."""

    def __init__(self, position: Tensor, keep: int):
        super().__init__()
        self.register_buffer("kept", position[:, :keep].detach().clone())

    def forward(self, position: Tensor) -> Tensor:
        return torch.cat([self.kept, position[:, self.kept.shape[1] :]], dim=1)


class LongText(nn.Module):
    """A copy of a CLIP's text tower with other positions, trained against image features that were computed once.

    Args:
        clip: the towers to begin with; they are left as they are. positions: (T, W), for texts of T tokens. keep: how many
            of the first positions stay out of training, as in the released code.

    Shapes: image_features (N, D) locked, long and short ids (N, T) -> what `LongClipLoss` takes, unit rows.

    Raises:
        ValueError: positions of another width than the tower's, or a keep outside 0..T.
    """

    def __init__(self, clip: CLIP, positions: Tensor, keep: int = 0):
        super().__init__()
        T, W = positions.shape
        if W != clip.text.position.shape[2] or not 0 <= keep <= T:
            raise ValueError(f"positions {(T, W)} with keep {keep}: the tower's width is {clip.text.position.shape[2]}")
        self.text = copy.deepcopy(clip.text).requires_grad_(True)
        self.text.context = T
        self.text.position = nn.Parameter(positions.detach().clone()[None])
        if keep:
            parametrize.register_parametrization(self.text, "position", KeepFirst(positions[None], keep))
        self.tokenizer = WordTokenizer(clip.tokenizer.words, T)
        self.logit_scale = nn.Parameter(clip.logit_scale.detach().clone())

    def encode_text(self, ids: Tensor, normalize: bool = False) -> Tensor:
        """Text features (B, D); unit rows if `normalize`."""
        v = self.text(ids)
        return F.normalize(v, dim=-1) if normalize else v

    def forward(self, image_features: Tensor, long: Tensor, short: Tensor | None = None) -> dict[str, Tensor]:
        out = {
            "image_features": F.normalize(image_features.detach(), dim=-1),
            "text_features": self.encode_text(long, normalize=True),
            "logit_scale": self.logit_scale.exp().clamp(max=MAX_LOGIT_SCALE),
        }
        return out if short is None else out | {"short_features": self.encode_text(short, normalize=True)}


class LongClipLoss(nn.Module):
    r"""$\mathcal L=\mathrm{NCE}(\{u_i\},\{t_i\})+\lambda\,\mathrm{NCE}(\{\tilde u_i\},\{t^s_i\})$; equal texts are no negatives.

    Args:
        coarse: u (N, D) -> the features that the summaries are matched to, e.g. `primary_components`. weight: $\lambda$.

    Shapes: image_features, text_features, short_features (N, D), unit rows; logit_scale (); group, short_group (N,) long,
    equal where texts are equal. Without short_features the first term alone. Returns ().
    """

    def __init__(self, coarse: Callable[[Tensor], Tensor] = lambda u: u, weight: float = 1.0):
        super().__init__()
        self.coarse = coarse
        self.weight = weight

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        group: Tensor,
        short_features: Tensor | None = None,
        short_group: Tensor | None = None,
    ) -> Tensor:
        loss = multi_positive_clip_loss(image_features, text_features, logit_scale, group)
        if short_features is None:
            return loss
        return loss + self.weight * multi_positive_clip_loss(
            self.coarse(image_features), short_features, logit_scale, short_group
        )
