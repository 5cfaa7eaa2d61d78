"""Composed retrieval: where the target stands among candidates of its own scene and strangers."""

import torch
from torch import Tensor


def recalls(own: Tensor, strangers: Tensor, keep: Tensor | None = None) -> dict[str, float]:
    """What the similarities of N queries to their own candidates (N, 12) and to strangers (N, S) amount to, in shares.

    r1, r10: among all candidates. subset: first among the target and the other edits of its scene, the reference left out.
    reference: how often the reference itself is first of all. A candidate that ties with the target is ranked before it.
    keep: (N,) bool, the queries that count.

    Raises:
        ValueError: no query is left.
    """
    if keep is not None:
        own, strangers = own[keep], strangers[keep]
    if len(own) == 0:
        raise ValueError("no query is left to measure; raise queries")
    target, rest = own[:, :1], torch.cat([own[:, 1:], strangers], dim=1)
    ahead = (rest >= target).sum(dim=1)
    share = lambda x: x.double().mean().item()  # noqa: E731
    return {
        "r1": share(ahead < 1),
        "r10": share(ahead < 10),
        "subset": share((own[:, 2:] < target).all(dim=1)),
        "reference": share(own[:, 1] > torch.cat([target, rest[:, 1:]], dim=1).max(dim=1).values),
    }
