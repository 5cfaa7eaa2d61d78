"""clip: zero-shot accuracy on real data, and how many labelled images a sentence is worth."""

from collections import Counter

import torch

from ...evals import LinearProbe, shots_to_match
from .classes import Classes
from .features import encode, zero_shot


def clip(model, test: Classes, training: Classes | None, device, seeds=(0,), shots=(1, 2, 4, 8, 16), strength=1.0) -> dict:
    """Zero-shot accuracy, accuracy of linear probes at k images per class, and the number of images a sentence is worth.

    The probes' images are drawn from `training` without replacement; a class with fewer than k gives what it has.
    """
    judged = zero_shot(model, test, device)
    out = {"zero_shot": judged["accuracy"], "test": test.manifest.summary()}
    if training is None:
        return out
    if training.names != test.names:
        raise ValueError(f"{training.folder} and {test.folder} have different classes; they must be the same, in order")
    u, labels = encode(model, training, device)
    y = torch.tensor(labels)
    out |= {f"probe_{k}": [] for k in shots} | {"n_star": [], "training": training.manifest.summary()}
    for seed in seeds:
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
        rank = torch.empty(len(y), dtype=torch.long)
        seen = Counter()
        for i in order.tolist():
            rank[i] = seen[int(y[i])]
            seen[int(y[i])] += 1
        curve = []
        for k in shots:
            chosen = rank < k
            curve.append(LinearProbe(strength).fit(u[chosen], y[chosen]).accuracy(judged["features"], judged["labels"]))
            out[f"probe_{k}"].append(curve[-1])
        out["n_star"].append(min(2.0 * shots[-1], shots_to_match(list(shots), curve, judged["accuracy"])))
    return out
