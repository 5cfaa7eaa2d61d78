"""Jupyter Book's build with as many workers as the cores can feed: python -m vlatlas.site.book ROOT OUTPUT [--all]

`jupyter-book build` gives the same pages; it always works on one core, and its command line cannot say otherwise.
Exit status: 0 done; 2 broken off; 3 (STALE) not begun, as the table of contents is stale; 4 (WARNED) done, with warnings.
"""

import os
import sys
from pathlib import Path

from ..repro import catalogue, toc
from . import once, state, unused
from .build import STALE, WARNED


def workers() -> int:
    """How many processes read and write pages: one more than the cores (five at most), as Sphinx hands out its work in
    large pieces and waits between them; on one core there is nothing to share."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, cores) + (cores > 1)


def build(root: Path, html: Path, everything: bool = False) -> int:
    """Build the book of `root` into `html`, nitpicky, each warning an error; the exit status. everything: every page anew."""
    once.rare_collections()
    if stale := toc.check(state.keep(catalogue.load(root))):
        print(*stale, sep="\n", file=sys.stderr)
        return STALE
    unused.leave_out()
    once.quick_toc()
    once.quick_walks()
    from jupyter_book.sphinx import REDIRECT_TEXT, build_sphinx

    status = build_sphinx(
        root,
        html,
        noconfig=True,
        path_config=root / "_config.yml",
        confoverrides={"nitpicky": True, "external_toc_path": (root / "_toc.yml").as_posix(), "latex_individualpages": False},
        warningiserror=True,
        keep_going=True,
        quiet=True,
        force_all=everything,
        jobs=workers(),
    )
    if isinstance(status, Exception):
        return 2  # Sphinx has printed what happened
    index = html / "index.html"
    if not status and not index.exists():
        index.write_text(REDIRECT_TEXT.format(first_page="book/index.html"), encoding="utf-8")
    return WARNED if status else 0


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]), Path(sys.argv[2]), "--all" in sys.argv[3:]))
