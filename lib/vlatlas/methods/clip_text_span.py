"""TextSpan: describe what a head writes by the texts that span it (Gandelsman et al. 2024, Algorithm 1)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Span:
    """chosen: numbers of the texts, the first explains most. gain: (m,), the share of the variance that each adds."""

    chosen: list[int]
    gain: Tensor

    @property
    def explained(self) -> float:
        """Share of the variance in the span of all chosen texts."""
        return self.gain.sum().item()

    def shares(self, family: Sequence[str]) -> dict[str, float]:
        """family -> its share of what the chosen texts explain; family[t] is that of text t."""
        out = dict.fromkeys(sorted(set(family)), 0.0)
        for t, g in zip(self.chosen, self.gain.tolist(), strict=True):
            out[family[t]] += g / self.explained
        return out


def text_span(outputs: Tensor, texts: Tensor, steps: int, rank: int) -> Span:
    r"""Greedy pursuit in a basis of texts.

    $t^\ast=\arg\max_t\operatorname{Var}_n(r_t^\top c_n)$; then the direction $r_{t^\ast}$ leaves both outputs and texts. Texts
    are first projected onto the outputs' leading principal directions. The variance is not divided by
    $\lVert r_t\rVert^2$, so texts that lie inside this subspace are preferred.

    Args:
        outputs: (M, D) what one head writes for M images. texts: (t, D). steps: texts to choose. rank: of the subspace.

    Raises:
        ValueError: more steps than the subspace has dimensions, or outputs that do not vary.
    """
    if steps > rank:
        raise ValueError(f"{steps} texts can't be independent in {rank} dimensions; choose steps <= rank")
    c = (outputs - outputs.mean(dim=0)).double()
    whole = c.square().sum()
    if whole == 0:
        raise ValueError("the outputs do not vary; there is nothing to describe")
    basis = torch.linalg.svd(c, full_matrices=False).Vh[:rank]  # (rank, D)
    r = texts.double() @ basis.T @ basis
    chosen, gain = [], []
    for _ in range(steps):
        best = int((c @ r.T).square().sum(dim=0).argmax())
        chosen.append(best)
        direction = r[best] / r[best].norm()
        gain.append((c @ direction).square().sum() / whole)
        c = c - (c @ direction)[:, None] * direction
        r = r - (r @ direction)[:, None] * direction
    return Span(chosen, torch.stack(gain))


def principal_share(outputs: Tensor, steps: int) -> float:
    """Share of the variance of outputs (M, D) in their first principal directions: no basis of `steps` directions can
    explain more."""
    squares = torch.linalg.svdvals((outputs - outputs.mean(dim=0)).double()).square()
    return (squares[:steps].sum() / squares.sum()).item()


def mean_ablated(features: Tensor, part: Tensor, mean: Tensor) -> Tensor:
    """u with one of its parts replaced by that part's mean over a data set: (B, D). mean: (D,)."""
    return features - part + mean


def heat_maps(tokens: Tensor, classes: Tensor, chosen: Tensor) -> Tensor:
    r"""(B, P): how much each token speaks for one class, $w_c^\top\sum_{l,h}c_p^{l,h}$ minus the mean of this over all classes.

    tokens: (B, P, D); classes: (C, D); chosen: (B,) the class of each image.
    """
    scores = tokens @ classes.T  # (B, P, C)
    return scores[torch.arange(len(scores)), :, chosen] - scores.mean(dim=2)
