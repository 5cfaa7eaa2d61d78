"""The few-shot papers' one table: accuracy from one image a class on, what becomes of new classes and domains, seconds."""

import statistics
from collections.abc import Sequence

ROWS = {"base": "base classes", "new": "new classes", "hm": "harmonic mean", "shift": "shifted domains"}


def probe_columns(baselines: Sequence[dict]) -> list[dict]:
    """The linear probe's part of `FewShot.baselines`, a dict per seed, under the names of `FewShot.measure`."""
    mine = [{k.removeprefix("probe_"): v for k, v in b.items() if k.startswith("probe_")} for b in baselines]
    return [{f"acc_{k}" if k.isdigit() else k: v for k, v in columns.items()} for columns in mine]


def table(results: dict[str, Sequence[dict]], shots: Sequence[int]) -> str:
    """Methods side by side, as text: means and standard deviations over seeds in percent, the median of the seconds.

    Args:
        results: method -> one dict per seed, as of `FewShot.measure`. A quantity that a method has not is a dash.

    Raises:
        ValueError: no method, or one without a seed.
    """
    if not results or not all(results.values()):
        raise ValueError(f"methods {list(results)}: give at least one, each with the columns of at least one seed")
    lines = [["accuracy (%)", *results]]
    for key, label in ({f"acc_{k}": f"{k} per class" for k in shots} | ROWS).items():
        lines.append([label, *(_percent([c[key] for c in columns if key in c]) for columns in results.values())])
    lines.append(["seconds", *(_seconds([c["seconds"] for c in columns]) for columns in results.values())])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join([a.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for a, *rest in lines)


def _percent(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.1f}{spread}"


def _seconds(values: list[float]) -> str:
    middle = statistics.median(values)
    return f"{middle:.2g}" if middle >= 1e-3 else "< 0.001"
