"""How long the site takes to build when every paper has a notebook: python -m vlatlas.site.scale FOLDER

Copies the book to an empty folder, gives each paper without a notebook a copy of another's (no outputs, own labels),
builds cold, edits one page, builds again, and prints both times: by the clock, and the processors' time that all processes
of the build took together, which says more on a machine that does other work as well.
"""

import argparse
import json
import os
import shutil
import sys
import time
from pathlib import Path

from .. import paths
from ..repro import catalogue, toc
from .build import build

MODEL = "flip"


def grow(root: Path, folder: Path) -> int:
    """Copy the book of `root` to `folder` with a notebook for every paper; the number of notebooks."""
    folder.mkdir(parents=True, exist_ok=False)
    for name in ("_config.yml", "papers.bib"):
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / "book", folder / "book")
    text = (root / "book" / "papers" / MODEL / "reproduce.ipynb").read_text(encoding="utf-8")
    model = json.loads(text)
    found = catalogue.load(folder)
    for paper in found.papers.values():
        if paper.page.is_file() and not paper.notebook.is_file():
            own = json.loads(json.dumps(model).replace(f"{MODEL}-", f"{paper.slug}-grown-"))
            paper.notebook.write_text(json.dumps(own, ensure_ascii=False), encoding="utf-8")
    grown = catalogue.load(folder)
    toc.write(grown)
    return sum(p.notebook.is_file() for p in grown.papers.values())


def busy() -> float:
    """Seconds that processors have worked for this process and those it waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.site.scale", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    folder = parser.parse_args(arguments).folder.resolve()
    notebooks = grow(paths.root(), folder)
    times = []
    for _ in range(2):
        began, spent = time.perf_counter(), busy()
        if status := build(folder):
            return status
        times += [time.perf_counter() - began, busy() - spent]
        page = folder / "book" / "papers" / MODEL / "index.md"
        page.write_text(page.read_text(encoding="utf-8") + "\nOne more sentence.\n", encoding="utf-8")
    pages = len(list((folder / "_build" / "html" / "book").rglob("*.html")))
    print(f"{pages} pages, {notebooks} notebooks, checks of links included, {len(os.sched_getaffinity(0))} cores:")
    for what, clock, processors in (("cold build", *times[:2]), ("one page edited", *times[2:])):
        print(f"  {what}: {clock:.1f} s, of which processors worked {processors:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
