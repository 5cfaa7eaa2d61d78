"""Paired measurement: candidates take turns, so that a machine whose speed drifts slows all of them alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Ratio:
    """`name` is `value` times as fast as `baseline` (median over paired laps), with the lowest and highest lap.

    `best` is the ratio of the two fastest laps: what is left when nothing else ran. unit: "times as fast" or "times less
    memory". at_least: the bar, if there is one. note: what a reader should know beside it.
    """

    name: str
    baseline: str
    value: float
    low: float
    high: float
    seconds: float
    baseline_seconds: float
    note: str = ""
    best: float | None = None
    laps: int = 1
    unit: str = "times as fast"
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the bar; None without one."""
        return None if self.at_least is None else self.value >= self.at_least

    def as_dict(self) -> dict:
        """Plain data."""
        return asdict(self)

    def barred(self, bars: dict[str, float]) -> "Ratio":
        """The same with the bar that `bars` holds for its name, if any."""
        return replace(self, at_least=bars[self.name]) if self.name in bars else self


def of_products(
    name: str, count: str, operations: float, rate: float, seconds: float, note: str, bar: float | None = None
) -> Ratio:
    """One lap beside the time that its matrix products alone would take: `operations` (in words `count`) at `rate` a second."""
    floor = operations / rate
    share = floor / seconds
    return Ratio(
        name, f"{count} at {rate / 1e9:.0f} GFLOP/s", share, share, share, seconds, floor, note, share, 1, at_least=bar
    )  # fmt: skip


def take_turns(
    candidates: dict[str, Callable[[], object]],
    laps: int = 9,
    warm_up: int = 2,
    before: Callable[[], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each candidate per lap; the first `warm_up` laps are thrown away, `before` each run is not timed.

    clock: `time.process_time` where a run's own work is meant, whatever else the machine does.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for lap in range(warm_up + laps):
        for name, run in candidates.items():
            if before is not None:
                before()
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
                    statistics.median(base), (notes or {}).get(name, ""), min(base) / min(laps), len(laps),
                )
            )  # fmt: skip
    return out


def less_memory(name: str, baseline: str, megabytes: float, baseline_megabytes: float) -> Ratio:
    """A row that says how many times less memory was taken; both figures in its note."""
    value = baseline_megabytes / max(megabytes, 1.0)
    note = f"{megabytes:.0f} MB, {baseline} {baseline_megabytes:.0f} MB"
    return Ratio(name, baseline, value, value, value, 0.0, 0.0, note, value, 1, "times less memory")
