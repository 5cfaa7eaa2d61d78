"""How alike two models see: cosines where they share a space, CKA where they do not."""

import torch
from torch import Tensor


def mean_cosine(a: Tensor, b: Tensor) -> float:
    """Mean of a_i . b_i. Means something only if both models put their features into one space.

    a, b: (n, D), unit rows. Raises ValueError for other shapes.
    """
    if a.shape != b.shape or a.ndim != 2 or len(a) == 0:
        raise ValueError(f"features of shapes {tuple(a.shape)} and {tuple(b.shape)}: cosines need the same rows and one width")
    return (a * b).sum(dim=1).mean().item()


def linear_cka(a: Tensor, b: Tensor) -> float:
    r"""Linear centred kernel alignment, $\lVert A^\top B\rVert_F^2/(\lVert A^\top A\rVert_F\lVert B^\top B\rVert_F)$.

    1 if the geometries of the centred features are equal up to rotation and size, near 0 if unrelated (Kornblith et al. 2019).
    a (n, D), b (n, E), of the same n inputs; widths may differ.

    Raises:
        ValueError: other shapes, or features that do not vary.
    """
    if a.ndim != 2 or b.ndim != 2 or len(a) != len(b) or len(a) < 2:
        raise ValueError(f"features of shapes {tuple(a.shape)} and {tuple(b.shape)}: CKA needs two or more rows, as many in both")
    a, b = (x.double() - x.double().mean(dim=0) for x in (a, b))
    own = (a.T @ a).norm() * (b.T @ b).norm()
    if own == 0:
        raise ValueError("features that do not vary have no geometry to compare")
    return ((a.T @ b).square().sum() / own).item()


def rank_correlation(x: list[float], y: list[float]) -> float:
    """Spearman's rho: Pearson's correlation of the ranks, ties at their mean rank.

    Raises:
        ValueError: fewer than two values, different lengths, or one of them constant.
    """
    if len(x) != len(y) or len(x) < 2 or len(set(x)) < 2 or len(set(y)) < 2:
        raise ValueError(f"ranks of {len(x)} and {len(y)} values: give two or more of each, not all equal")
    ranks = []
    for values in (x, y):
        z = torch.tensor(values, dtype=torch.float64)
        below, same = (z[:, None] > z).sum(dim=1), (z[:, None] == z).sum(dim=1)
        ranks.append(below + (same - 1) / 2)
    return torch.corrcoef(torch.stack(ranks))[0, 1].item()
