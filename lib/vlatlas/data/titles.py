"""Titles of scenes with one object: five facts in five words, "large red striped star dark", and titles that are wrong."""

import torch
from torch import Tensor

FACTS = ("size", "colour", "texture", "shape", "background")
CONTENT = ("colour", "shape")  # what a title of the partly wrong kind lies about


def facts(batch) -> Tensor:
    """(B, 5) long: the labels of each scene's only object and of its background, in the order of `FACTS`."""
    columns = [batch.labels[a] for a in FACTS]
    return torch.stack([c if c.ndim == 1 else c[:, 0] for c in columns], dim=1)


def titles(world, told: Tensor) -> list[str]:
    """One title for each row of facts (B, 5)."""
    names = [world.classes(a) for a in FACTS]
    return [" ".join(n[k] for n, k in zip(names, row, strict=True)) for row in told.tolist()]


def noisy_facts(world, told: Tensor, rate: float, seed: int, kind: str = "both") -> tuple[Tensor, Tensor]:
    """Facts (n, 5) of which a share is wrong, and the mask (n,) of the wrong ones.

    Args:
        told: the true facts. rate: share of wrong rows, exact up to rounding. kind: "swapped", all facts of another row;
            "attribute", colour or shape replaced by another one; "both", one half each (as `scenes.shifts.pair_noise` does).

    Raises:
        ValueError: a rate outside 0..1, an unknown kind, or rows that are all equal (nothing to swap).
    """
    if not 0 <= rate <= 1 or kind not in ("swapped", "attribute", "both"):
        raise ValueError(f"rate {rate} must be within 0..1, kind {kind!r} 'swapped', 'attribute' or 'both'")
    n, generator = len(told), torch.Generator().manual_seed(seed)
    if n < 2 or bool((told == told[0]).all()):
        raise ValueError(f"{n} rows with the same facts leave nothing to swap; give scenes that differ")
    rows = torch.randperm(n, generator=generator)[: round(rate * n)]
    half = {"swapped": len(rows), "attribute": 0, "both": len(rows) // 2}[kind]
    out = told.clone()
    for i in rows[:half].tolist():
        j = i
        while bool((told[j] == told[i]).all()):
            j = int(torch.randint(n, (), generator=generator))
        out[i] = told[j]
    for i in rows[half:].tolist():
        a = CONTENT[int(torch.randint(len(CONTENT), (), generator=generator))]
        column, count = FACTS.index(a), len(world.classes(a))
        out[i, column] = (told[i, column] + 1 + torch.randint(count - 1, (), generator=generator)) % count
    return out, (out != told).any(dim=1)
