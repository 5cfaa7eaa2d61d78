"""Mean, spread and 95 % interval over seeds, in plain Python."""

import math
from collections.abc import Sequence

# Student's t, 97.5 % point, for 1 to 30 degrees of freedom (any table of the t distribution).
T975 = (
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788,
    2.1604, 2.1448,
    2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518,
    2.0484,
    2.0452, 2.0423,
)  # fmt: skip
Z975 = 1.959964


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean of at least one value."""
    return math.fsum(values) / len(values)


def sd(values: Sequence[float]) -> float:
    """The sample standard deviation (n - 1); NaN for a single value, so that no comparison with it holds."""
    if len(values) < 2:
        return math.nan
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def t_quantile(degrees: int) -> float:
    """The 97.5 % point of Student's t. Beyond 30 degrees: Cornish-Fisher (Abramowitz & Stegun 26.7.5), <
    1e-4 off."""
    if degrees <= len(T975):
        return T975[degrees - 1]
    z = Z975
    return z + (z**3 + z) / (4 * degrees) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * degrees**2)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % t-interval of the mean; all of the line for a single value."""
    if len(values) < 2:
        return -math.inf, math.inf
    half = t_quantile(len(values) - 1) * sd(values) / math.sqrt(len(values))
    return mean(values) - half, mean(values) + half
