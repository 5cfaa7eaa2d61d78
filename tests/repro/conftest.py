"""A tiny atlas in a temporary folder: a bibliography, papers with claims, notebooks that need nothing but
Python."""

import contextlib
import json
import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for crash.py

BIB = """@inproceedings{key2020SLUG,
  title = {Paper {SLUG}: a title},
  author = {Last, First and Other, Ada},
  booktitle = {Proceedings of a Conference},
  year = {2020},
  venue = {CONF},
  eprint = {2001.NUMBER},
  archiveprefix = {arXiv},
  slug = {SLUG},
  family = {training},
}
"""

PAGE = """---
paper:
  slug: SLUG
  bib: key2020SLUG
  name: SLUG
  family: training
  tasks: [pretraining]
  modalities: [image, text]
  protocol: pretraining
  tldr: A short summary.
  tldr_zh: 摘要。
  code: []
  figure: {paper: "Fig. 1", shows: "a curve", alt: "the curve rises"}
  claims:
    - id: gain
      says: "It gains"
      paper: {value: "2x", where: "Fig. 1"}
      check: "lo(gain) > 1.5"
      direction: "gain > 1"
      controls: [broken]
      tolerance: "half of the paper's gain"
    - id: cost
      says: "It costs nothing"
      paper: {value: "0 %", where: "Table 1"}
      check: null
      tolerance: "not measured"
  controls:
    - {id: broken, says: "Without the idea there is no gain", check: "broken_gain < 1.2"}
  deviations: ["a toy"]
  errata: []
---
# SLUG

```{paper-facts}
```

## Problem

A problem {footcite:p}`key2020SLUG`.

## Idea

An idea.

## Method

$x$

## What the paper shows

A curve.

## What we reproduce

A number.

## Verdict

```{claims}
```

## Limits

Some.

## Connections

None.

## Sources

```{footbibliography}
```
"""

PARAMETERS = 'profile = "cpu"\nseeds = [0, 1, 2]\ndevice = "auto"\nscale = 1.0'
MEASURE = "gains = [scale * (2 + s / 100) for s in seeds]\nprint('measured', gains)"
RECORD = """from vlatlas import repro

class Drawing:
    def savefig(self, target, format, **options):
        target.write(f"<svg>{gains}</svg>".encode())

repro.record("SLUG", {"gain": gains, "broken_gain": 1.0}, figure=Drawing(),
             parameters={"profile": profile, "seeds": seeds, "device": device})"""


def notebook(*sources: str, parameters: str = PARAMETERS) -> str:
    """A notebook of code cells; the first is the tagged parameters cell."""
    cells = [("parameters", parameters), *((None, s) for s in sources)]
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "id": f"c{i}",
                    "execution_count": None,
                    "metadata": {"tags": [tag]} if tag else {},
                    "outputs": [],
                    "source": source,
                }
                for i, (tag, source) in enumerate(cells)
            ],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


class Atlas:
    """The temporary checkout, with short ways to change it."""

    PAGE, BIB, PARAMETERS, MEASURE, RECORD = PAGE, BIB, PARAMETERS, MEASURE, RECORD
    notebook = staticmethod(notebook)

    def __init__(self, root: Path):
        self.root = root
        (root / "book" / "papers").mkdir(parents=True)
        (root / "_config.yml").write_text("title: t\n")
        (root / "papers.bib").write_text("")

    def paper(self, slug: str, *sources: str, page: str = PAGE, run: bool = True, bib: bool = True) -> Path:
        """Add a paper; `sources` are the notebook's cells between parameters and record (default:
        measure)."""
        folder = self.root / "book" / "papers" / slug
        folder.mkdir(exist_ok=True)
        (folder / "index.md").write_text(page.replace("SLUG", slug), encoding="utf-8")
        if run:
            cells = [*(sources or (MEASURE,)), RECORD.replace("SLUG", slug)]
            (folder / "reproduce.ipynb").write_text(notebook(*cells))
        if bib:
            number = f"{len(list(folder.parent.iterdir())):05d}"
            with open(self.root / "papers.bib", "a") as file:
                file.write(BIB.replace("SLUG", slug).replace("NUMBER", number) + "\n")
        return folder

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace text in a file of the checkout; the text must be there."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new), encoding="utf-8")

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file


@pytest.fixture
def make_atlas(tmp_path, monkeypatch):
    """A factory of temporary checkouts; VLATLAS_ROOT points to the last one made."""

    def make(*slugs: str) -> Atlas:
        atlas = Atlas(tmp_path / "atlas")
        monkeypatch.setenv("VLATLAS_ROOT", str(atlas.root))
        for slug in slugs:
            atlas.paper(slug)
        return atlas

    return make


@contextlib.contextmanager
def _injected(kind: str):
    begin, held = time.monotonic(), False
    try:
        yield
        held = True
    finally:
        if log := os.environ.get("VLATLAS_FAULTS_LOG"):
            row = {"kind": kind, "held": held, "seconds": round(time.monotonic() - begin, 2)}
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


@pytest.fixture
def injected():
    """`with injected("SIGKILL"):` around one fault and the assertions about it; VLATLAS_FAULTS_LOG names a file that gets
    a line for each, whether all held and how long it took (`tests/trust/tally.py` adds them up)."""
    return _injected
