"""What a run tells the terminal: plain aligned text that fits its width."""

import shutil
import textwrap
from pathlib import Path

from .. import paths
from .shown import measured_text

LOG, NOTEBOOK = "log.txt", "reproduce.ipynb"
OUTCOME = {True: "holds", False: "failed", None: "not judged"}


def width() -> int:
    """The terminal's width, within what is readable."""
    return max(40, min(shutil.get_terminal_size((100, 24)).columns, 140))


def table(head: tuple[str, ...], rows: list[tuple[str, ...]], total: int | None = None, cut: bool = False) -> str:
    """Rows under a head, columns aligned, within `total` characters: the widest column is wrapped, or, with
    `cut`, the last one is cut off. Control characters in a cell are shown, not obeyed."""
    cells = [[_plain(cell) for cell in row] for row in (head, *rows)]
    sizes = [max(len(row[i]) for row in cells) for i in range(len(head))]
    over = sum(sizes) + 2 * (len(sizes) - 1) - (total or width())
    if cut and over > 0:
        sizes[-1] = max(8, sizes[-1] - over)
    while not cut and over > 0 and max(sizes) > 12:
        sizes[sizes.index(max(sizes))] -= 1
        over -= 1
    lines = []
    for index, row in enumerate(cells):
        if cut and len(row[-1]) > sizes[-1]:
            row[-1] = row[-1][: sizes[-1] - 1] + "…"
        wrapped = [textwrap.wrap(cell, size) or [""] for cell, size in zip(row, sizes, strict=True)]
        for line in range(max(map(len, wrapped))):
            parts = [w[line] if line < len(w) else "" for w in wrapped]
            lines.append("  ".join(p.ljust(s) for p, s in zip(parts, sizes, strict=True)).rstrip())
        if index == 0:
            lines.append("  ".join("-" * size for size in sizes))
    return "\n".join(lines)


def _plain(cell) -> str:
    return "".join(c if c.isprintable() else " " for c in str(cell))


def claims_table(record, total: int | None = None) -> str:
    """The claims of a record and, below, its controls."""
    rows = [(c["id"], c["says"], c["paper"]["value"], measured_text(c) or "-", c["verdict"]) for c in record.claims]
    rows += [(c["id"], f"control: {c['says']}", "", measured_text(c) or "-", OUTCOME[c["passed"]]) for c in record.controls]
    return table(("claim", "says", "paper", "measured", "verdict"), rows, total)


def describe(result, root: Path) -> str:
    """All that a finished, reused or failed run has to say."""
    if result.failure is not None:
        return _failure(result, root)
    record, folder = result.record, paths.relative(result.folder, root)
    lines = [claims_table(record), ""]
    for row in (*record.claims, *record.controls):
        if row.get("problem"):
            lines.append(f"problem in {row['id']}: {row['problem']}")
        elif row.get("why") and row["verdict"] == "direction only":
            lines.append(f"{row['id']}: {row['why']}")
    if record.profile == "smoke":
        lines.append("smoke run: it proves that the notebook runs, and judges nothing")
    else:
        lines.append(f"{result.slug}: {record.verdict or 'no claim is testable here'}")
    lines += [
        f"{record['elapsed_s']:.1f} s, {record['peak_memory_mb']:.0f} MB, seeds {_seeds(record)}",
        record.device,
    ]
    lines += [f"  {folder}/{name}" for name in (NOTEBOOK, "record.json", *record["figures"], LOG)]
    return "\n".join(lines)


def reused(result, root: Path) -> str:
    """The line of a run that was not repeated."""
    path = f"{paths.relative(result.folder, root)}/record.json"
    return f"{result.slug}: unchanged since {result.record['finished']}; record reused ({path}); --force reruns"


def _seeds(record) -> str:
    return ",".join(map(str, record.seeds))


def _failure(result, root: Path) -> str:
    failure = result.failure
    lines = [f"{result.slug} ({result.profile}) failed: {failure.message}"]
    if failure.cell is not None:
        lines.append(f"in cell {failure.cell} of book/papers/{result.slug}/{NOTEBOOK}:")
        source = failure.source.rstrip().split("\n")
        lines += [f"    {line}" for line in source[:30]] + (["    ..."] if len(source) > 30 else [])
    if failure.traceback:
        trace = "\n".join(failure.traceback).rstrip().split("\n")
        lines += ["error:", *(f"    {line}" for line in trace[-14:])]
    if result.folder:
        for label, name in (("partial notebook", NOTEBOOK), ("log", LOG)):
            if (result.folder / name).is_file():
                lines.append(f"{label}: {paths.relative(result.folder, root)}/{name}")
    lines.append("the last finished run, if any, is as it was")
    return "\n".join(lines)
