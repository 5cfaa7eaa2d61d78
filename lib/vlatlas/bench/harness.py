"""Paired measurement: candidates take turns, so that a machine whose speed drifts slows all of them alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Ratio:
    """`name` is `value` times as fast as `baseline` (median over paired laps), with the lowest and highest lap."""

    name: str
    baseline: str
    value: float
    low: float
    high: float
    seconds: float
    baseline_seconds: float
    note: str = ""

    def as_dict(self) -> dict:
        """Plain data."""
        return asdict(self)


def take_turns(
    candidates: dict[str, Callable[[], None]], laps: int = 9, warm_up: int = 2, clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Seconds of each candidate per lap; the first `warm_up` laps are thrown away. clock: `time.process_time` counts this
    process's own work on a machine that others use too."""
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for lap in range(warm_up + laps):
        for name, run in candidates.items():
            began = clock()
            run()
            if lap >= warm_up:
                times[name].append(clock() - began)
    return times


def ratios(times: dict[str, list[float]], baseline: str, notes: dict[str, str] | None = None) -> list[Ratio]:
    """How many times as fast as the baseline each other candidate was, lap by lap."""
    base = times[baseline]
    out = []
    for name, laps in times.items():
        if name != baseline:
            pairs = sorted(b / a for a, b in zip(laps, base, strict=True))
            out.append(
                Ratio(
                    name, baseline, statistics.median(pairs), pairs[0], pairs[-1], statistics.median(laps),
                    statistics.median(base), (notes or {}).get(name, ""),
                )
            )  # fmt: skip
    return out
