"""`vlatlas new`: the page and the notebook of a paper, with everything that is known filled in and the rest
left open."""

import json
from pathlib import Path

from . import atomic
from .catalogue import Paper
from .errors import UsageError
from .vocabulary import SECTIONS

PAGE = """---
paper:
  slug: {slug}
  bib: {bib}
  name:            # as its authors write it
  family: {family}
  tasks: []        # zero-shot classification, image-text retrieval, ...
  modalities: [image, text]
  protocol:        # the set-up it shares with others (adaptation, dense, ...), or null
  tldr:            # one to three sentences
  tldr_zh:         # the same, in Chinese
  code: []         # library objects whose source stands beside the equations
  builds_on: []    # papers of the atlas
  related: []
  figure: {{paper: "Fig. ", shows: ""}}
  claims:
    - id: main
      says: ""     # what the paper states
      paper: {{value: "", where: ""}}
      check: null  # a condition over the metrics that the notebook records, e.g. "lo(gain) > 0"
      tolerance: ""
  deviations: []   # every way in which our experiment differs from the paper's
  errata: []
---
# {title}

```{{paper-facts}}
```
"""
BLOCKS = {"Verdict": "```{claims}\n```\n", "Sources": "```{footbibliography}\n```\n"}

TEXT = {
    "question": "# {title}: does it ...?\n\nWhat the paper's figure shows, in words, and what we ask.",
    "data": "## The data, looked at",
    "method": "## The method\n\nThe equation, and beside it the code.",
    "experiment": "## The experiment",
    "figure": "## The figure",
    "verdict": "## The verdict",
    "exercises": "## Exercises",
}
PARAMETERS = """profile = "cpu"  # smoke, cpu, gpu or full
seeds = [0, 1, 2]
device = "auto\""""
FINISH = """from vlatlas import repro

repro.record("{slug}", metrics, figure=fig,
             parameters={{"profile": profile, "seeds": seeds, "device": device}})"""


def new(paper: Paper) -> list[Path]:
    """Write what a paper lacks: its page, its notebook, or both. Returns the files written.

    Raises:
        UsageError: it has both, or papers.bib has no entry for it.
    """
    if paper.bib is None:
        raise UsageError(f"papers.bib has no entry with slug = {{{paper.slug}}}; add it first: facts come from there")
    written = []
    if not paper.page.is_file():
        sections = "".join(f"\n## {name}\n\n{BLOCKS.get(name, '')}" for name in SECTIONS)
        fields = {"slug": paper.slug, "bib": paper.bib.key, "family": paper.family, "title": paper.title}
        atomic.write_text(paper.page, PAGE.format(**fields) + sections)
        written.append(paper.page)
    if not paper.notebook.is_file():
        atomic.write_text(paper.notebook, json.dumps(_notebook(paper), indent=1, ensure_ascii=False) + "\n")
        written.append(paper.notebook)
    if not written:
        raise UsageError(f"{paper.slug} has a page and a notebook already; edit them in book/papers/{paper.slug}")
    return written


def _notebook(paper: Paper) -> dict:
    cells = [
        ("markdown", TEXT["question"].format(title=paper.name), None),
        ("code", PARAMETERS, "parameters"),
        ("markdown", TEXT["data"], None),
        ("markdown", TEXT["method"], None),
        ("markdown", TEXT["experiment"], None),
        ("code", "metrics = {}  # name -> one number per seed, in the order of seeds", None),
        ("markdown", TEXT["figure"], None),
        ("code", "from vlatlas import plotting\n\nfig, ax = plotting.figure()", None),
        ("markdown", TEXT["verdict"], None),
        ("code", FINISH.format(slug=paper.slug), None),
        ("markdown", TEXT["exercises"], None),
    ]
    return {
        "cells": [_cell(index, *cell) for index, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell(index: int, kind: str, source: str, tag: str | None) -> dict:
    cell = {
        "cell_type": kind,
        "id": f"cell-{index:02d}",
        "metadata": {"tags": [tag]} if tag else {},
        "source": source.splitlines(keepends=True),
    }
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
