"""The few-shot papers' figures: one colour and one marker for a method, on every page of the family."""

import statistics
from collections.abc import Sequence

from ..plotting import PALETTE

COLOURS = {
    "zero-shot": PALETTE["blue"],
    "linear probe": PALETTE["green"],
    "CoOp": PALETTE["orange"],
    "CLIP-Adapter": PALETTE["sky"],
    "Tip-Adapter": PALETTE["vermilion"],
    "Tip-Adapter-F": PALETTE["purple"],
    "control": PALETTE["grey"],
}
MARKERS = {"linear probe": "s", "CoOp": "^", "CLIP-Adapter": "D", "Tip-Adapter": "o", "Tip-Adapter-F": "v", "control": "X"}


def spread(rows: Sequence[Sequence[float]]) -> tuple[list[float], list[list[float]]]:
    """Means over seeds in percent, and the distances to the least and to the largest, as `errorbar` takes them."""
    percent = [[100 * x for x in row] for row in rows]
    centre = [statistics.mean(row) for row in percent]
    low = [m - min(row) for m, row in zip(centre, percent, strict=True)]
    high = [max(row) - m for m, row in zip(centre, percent, strict=True)]
    return centre, [low, high]


def shot_curves(ax, shots: Sequence[int], results: dict[str, list[dict]], zero: float, label: str = "zero-shot") -> None:
    """Accuracy against labelled images a class, a curve for each method: means and ranges over seeds.

    Args:
        results: method -> one dict per seed with the keys "acc_1", "acc_2", .. ; zero: zero-shot accuracy, a dashed line
            with this label.
    """
    ax.axhline(100 * zero, color=COLOURS["zero-shot"], ls="--", lw=1.5, label=label)
    for name, columns in results.items():
        centre, bars = spread([[c[f"acc_{k}"] for c in columns] for k in shots])
        kind = name if name in COLOURS else "control"
        ax.errorbar(shots, centre, yerr=bars, marker=MARKERS[kind], color=COLOURS[kind], label=name)
    ax.set_xscale("log", base=2)
    ax.set_xticks(shots, map(str, shots))
    ax.set(xlabel="labelled images per class", ylabel="accuracy (%)")
