"""The runs that were kept, and what got slower from one to the next."""

import json
from pathlib import Path

from .. import paths
from ..repro import atomic

FOLDER = "book/reference/speed"


def folder() -> Path:
    """Where kept runs and the page's figures stand."""
    return paths.root() / FOLDER


def load(path: Path | None = None) -> list[dict]:
    """Kept runs, oldest first: date, commit, machine, suites (name -> rows)."""
    path = path or folder() / "history.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def append(run: dict, path: Path | None = None) -> None:
    """Keep one more run; the file is written whole or not at all."""
    path = path or folder() / "history.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_json(path, [*load(path), run])


def latest(runs: list[dict]) -> dict[str, tuple[dict, list[dict]]]:
    """Of each suite the newest run that holds it, and its rows."""
    return {name: (run, rows) for run in runs for name, rows in run["suites"].items()}


def place(run: dict) -> tuple[str, int]:
    """Processor and threads: a ratio differs between machines without anything having got slower."""
    return run["machine"]["processor"], run["machine"]["threads"]


def slower(before: list[dict], after: list[dict]) -> list[tuple[str, float, float]]:
    """Rows whose median fell below the slowest lap of the run before, and below nine tenths of its median.

    Both: where laps agree closely, a percent is noise of the day; where they scatter, only a fall out of the scatter
    counts. Returns (name, ratio before, ratio after).
    """
    old = {row["name"]: row for row in before}
    return [
        (row["name"], old[row["name"]]["value"], row["value"])
        for row in after
        if row["name"] in old and row["value"] < min(old[row["name"]]["low"], 0.9 * old[row["name"]]["value"])
    ]


def changes(runs: list[dict]) -> list[tuple[str, str, str, float, float]]:
    """Everything that got slower between neighbouring runs of a suite in one place: (date, suite, row, before, after)."""
    found, last = [], {}
    for run in runs:
        for suite, rows in run["suites"].items():
            found += [(run["date"], suite, *change) for change in slower(last.get((suite, place(run)), []), rows)]
            last[suite, place(run)] = rows
    return found
