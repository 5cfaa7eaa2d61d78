"""Power laws of error in compute: least squares, the lower envelope, bootstrap intervals (Cherti et al. 2023)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PowerLaw:
    r"""$E(C)=\beta\,C^{\alpha}$."""

    alpha: float
    beta: float

    def __call__(self, compute):
        """Error at a compute, or at an array of them."""
        return self.beta * np.asarray(compute, float) ** self.alpha


def _logs(compute, error) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(compute, float), np.asarray(error, float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"compute {x.shape} and error {y.shape} must be two lists of one length")
    if not (np.isfinite(x).all() and np.isfinite(y).all() and (x > 0).all() and (y > 0).all()):
        raise ValueError(
            f"compute and error must be finite and above 0, got errors from {y.min()} to {y.max()}: a run without error has no "
            "logarithm; give a smaller budget or more test data"
        )
    if len(np.unique(x)) < 2:
        raise ValueError(f"{len(x)} runs at {len(np.unique(x))} compute: a slope needs two different ones")
    return np.log(x), np.log(y)


def fit_power_law(compute, error) -> PowerLaw:
    r"""$\arg\min_{\alpha,\beta}\sum_r(\log E_r-\log\beta-\alpha\log C_r)^2$, in closed form.

    compute, error: (n,) of n runs.

    Raises:
        ValueError: lengths that differ, values that have no logarithm, or less than two different computes.
    """
    x, y = _logs(compute, error)
    away = x - x.mean()
    alpha = float((away * (y - y.mean())).sum() / (away**2).sum())
    return PowerLaw(alpha, float(np.exp(y.mean() - alpha * x.mean())))


def lower_envelope(compute, error, bins: int = 5) -> np.ndarray:
    """(k,) numbers of the runs that have the least error of their bin, by compute; bins are equally wide in log C, from the
    least to the largest, and empty ones are left out.

    compute, error: (n,) of n runs. The official analysis puts each of these errors at the *centre* of its bin; here it stays at
    the compute of its run.

    Raises:
        ValueError: less than two bins, and as `fit_power_law`.
    """
    if bins < 2:
        raise ValueError(f"{bins} bin gives one point, and no slope; use at least 2")
    x, y = _logs(compute, error)
    place = np.minimum(((x - x.min()) / (x.max() - x.min()) * bins).astype(int), bins - 1)  # the last bin holds its end
    return np.array([rows[y[rows].argmin()] for k in range(bins) if len(rows := np.flatnonzero(place == k))])


def fit_envelope(compute, error, bins: int = 5) -> PowerLaw:
    """`fit_power_law` of the `lower_envelope`."""
    rows = lower_envelope(compute, error, bins)
    return fit_power_law(np.asarray(compute)[rows], np.asarray(error)[rows])


def extrapolate(compute, error, bins: int = 5, share: float = 2 / 3) -> float:
    """The error that the envelope of the cheapest `share` of the runs foretells for the most expensive one.

    compute, error: (n,) of n runs. Raises ValueError as `fit_power_law`, of the runs that are fitted.
    """
    compute, error = np.asarray(compute, float), np.asarray(error, float)
    cheap = np.argsort(compute, kind="stable")[: max(2, round(share * len(compute)))]
    return float(fit_envelope(compute[cheap], error[cheap], bins)(compute.max()))


def bootstrap(
    compute, errors, statistic: Callable[[np.ndarray, np.ndarray], float], draws: int = 1000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of a statistic of a grid of runs. Cells of the grid are drawn with replacement, and in each of them its
    seeds; what is fitted is the mean over the seeds. Quantities that share the grid are drawn together, so that their
    difference is paired.

    Args:
        compute: (M,) of the cells. errors: (..., S, M), of S seeds. statistic: of (m,) and (..., m).
        draws: samples; those with less than two different computes are drawn again. level: of the interval.

    Raises:
        ValueError: shapes that do not fit, a level outside (0, 1), or cells that are all of one compute.
    """
    compute, errors = np.asarray(compute, float), np.asarray(errors, float)
    if errors.ndim < 2 or compute.shape != errors.shape[-1:] or not 0 < level < 1 or len(np.unique(compute)) < 2:
        raise ValueError(
            f"compute {compute.shape} of {len(np.unique(compute))} values, errors {errors.shape}, level {level}: give (M,) "
            "with two values or more, (..., S, M) and a level within 0..1"
        )
    generator, (S, M), found = np.random.default_rng(seed), errors.shape[-2:], []
    while len(found) < draws:
        cells = generator.integers(M, size=M)
        seeds = generator.integers(S, size=(S, M))
        if len(np.unique(compute[cells])) > 1:
            found.append(statistic(compute[cells], errors[..., seeds, cells].mean(axis=-2)))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
