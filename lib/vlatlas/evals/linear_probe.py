"""Linear probes on frozen features, and how many labels a sentence is worth."""

import math
from functools import cache

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import ThreadpoolController
from torch import Tensor


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()  # looks for the libraries once


class LinearProbe:
    """L2-regularised logistic regression on frozen features (scikit-learn's, L-BFGS), as Radford et al. 2021, A.3.

    Args:
        strength: C, the inverse regularisation. It is chosen on other classes than those it is judged on.

    Shapes: features (B, D), labels (B,) long.
    """

    def __init__(self, strength: float = 1.0, max_iter: int = 1000):
        self.model = LogisticRegression(C=strength, max_iter=max_iter)

    def fit(self, features: Tensor, labels: Tensor) -> "LinearProbe":
        """Train on labelled features; raises ValueError where only one class is present."""
        if len(labels.unique()) < 2:
            raise ValueError(f"a probe needs at least two classes, got only class {labels.unique().tolist()}")
        with _threads().limit(limits=1):  # products this small take longer when threads wait for each other
            self.model.fit(features.double().numpy(), labels.numpy())
        return self

    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Share of features classified right."""
        return float(self.model.score(features.double().numpy(), labels.numpy()))


def shots_to_match(shots: list[int], probe_accuracy: list[float], target: float) -> float:
    """How many labelled shots per class a probe needs to reach `target`: linear between measured points on a log2 axis.

    0.5 means "fewer than the smallest number measured, 1"; infinity means that the probe never gets there.

    Raises:
        ValueError: shots not increasing, or lists of different lengths.
    """
    if len(shots) != len(probe_accuracy) or list(shots) != sorted(set(shots)):
        raise ValueError(f"shots {shots} must increase and match the {len(probe_accuracy)} accuracies")
    curve = np.maximum.accumulate(probe_accuracy)  # more labels never need more labels
    if curve[0] >= target:
        return float(shots[0]) if curve[0] == target else shots[0] / 2
    for a, b, low, high in zip(shots[:-1], shots[1:], curve[:-1], curve[1:], strict=True):
        if high >= target:
            share = (target - low) / (high - low)
            return 2 ** (math.log2(a) + share * (math.log2(b) - math.log2(a)))
    return math.inf
