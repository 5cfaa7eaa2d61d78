"""`vlatlas verify`: run a paper again and hold the new numbers against a record."""

import fnmatch
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .catalogue import Paper
from .errors import RunError
from .jobs import plan
from .records import Record
from .runner import rerun

DEFAULT_TOLERANCE = 0.02  # relative; numbers below 1 in size are compared as if they were 1


@dataclass(frozen=True)
class Difference:
    """One number held against another; `close` says whether it is within the tolerance."""

    metric: str
    recorded: float | None
    measured: float | None
    tolerance: float

    @property
    def close(self) -> bool:
        if self.recorded is None or self.measured is None:
            return False
        return abs(self.recorded - self.measured) <= self.tolerance * max(1.0, abs(self.recorded))


def tolerance_of(metric: str, tolerances: dict[str, float]) -> float:
    """A metric's relative tolerance: its own name in the page's `tolerances`, else the first matching
    pattern, else `default`, else 2 %."""
    if metric in tolerances:
        return tolerances[metric]
    for pattern, value in tolerances.items():
        if pattern != "default" and fnmatch.fnmatchcase(metric, pattern):
            return value
    return tolerances.get("default", DEFAULT_TOLERANCE)


def differences(recorded: Record, measured: Record, tolerances: dict[str, float]) -> list[Difference]:
    """Every value of both records, metric by metric and seed by seed."""
    found = []
    ours, theirs = measured.metrics, recorded.metrics
    for name in dict.fromkeys([*theirs, *ours]):
        old, new = theirs.get(name, []), ours.get(name, [])
        for index in range(max(len(old), len(new))):
            found.append(
                Difference(
                    name,
                    old[index] if index < len(old) else None,
                    new[index] if index < len(new) else None,
                    tolerance_of(name, tolerances),
                )
            )
    return found


def verify(paper: Paper, profile: str, say=print) -> tuple[Record, Record, list[Difference], list[str]]:
    """Run a paper again as its record says, without publishing, and compare.

    Returns the record, the new measurement, all differences, and the claims whose verdict changed.

    Raises:
        RunError: there is no record to hold against, it was changed by hand, or the new run failed.
    """
    record = paper.records.get(profile) or paper.runs.get(profile)
    if record is None:
        raise RunError(f"{paper.slug} has no {profile} record to verify; run: vlatlas reproduce {paper.slug}")
    if not record.sealed:
        raise RunError(f"{record.path} was changed by hand; no run can confirm it")
    given = dict(record["parameters"])
    profile, seeds, device = (given.pop(name) for name in ("profile", "seeds", "device"))
    job = plan(paper, profile, seeds, device, given, force=True)
    with tempfile.TemporaryDirectory(prefix="vlatlas-verify-") as scratch:
        measured = rerun(job, Path(scratch), say)
    record = paper.judged(record)
    before = {c["id"]: c["verdict"] for c in record.claims}
    turned = [c["id"] for c in measured.claims if before.get(c["id"]) != c["verdict"]]
    return record, measured, differences(record, measured, paper.data["tolerances"]), turned
