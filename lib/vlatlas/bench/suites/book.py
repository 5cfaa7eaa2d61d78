"""How long the site takes with a notebook for every paper: cold, and after one page was edited."""

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from ... import paths
from ..harness import Ratio

COLD, EDITED = 60.0, 5.0  # seconds: the bars


def book() -> list[Ratio]:
    """A cold build of a copy of the book in which every paper has a notebook, and a build after one edit."""
    from ...site.build import build
    from ...site.scale import MODEL, grow

    seconds = []
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "book"
        notebooks = grow(paths.root(), folder)
        page = folder / "book" / "papers" / MODEL / "index.md"
        for _ in range(2):
            began = time.perf_counter()
            if status := build(folder):
                raise RuntimeError(f"the build ended with {status}; see its output above")
            seconds.append(time.perf_counter() - began)
            page.write_text(page.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
        pages = len(list((folder / "_build" / "html" / "book").rglob("*.html")))
    cold, edited = seconds
    note = f"{pages} pages, {notebooks} notebooks, checks of links included"
    row = Ratio("book cold", f"{COLD:.0f} s", COLD / cold, COLD / cold, COLD / cold, cold, COLD, note, COLD / cold, at_least=1.0)
    again = EDITED / edited
    return [
        row,
        replace(row, name="book, one page edited", baseline=f"{EDITED:.0f} s", value=again, low=again, high=again, best=again,
                seconds=edited, baseline_seconds=EDITED),
    ]  # fmt: skip
