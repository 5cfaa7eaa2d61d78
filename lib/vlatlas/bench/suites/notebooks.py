"""What stands between a command and its work: imports, and the runner around a notebook."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ...repro.nursling import Warmth
from ..harness import Ratio, ratios, take_turns

BIB = """@inproceedings{last2020probe,
  title = {Probe}, author = {Last, First}, booktitle = {None}, year = {2020}, venue = {None}, slug = {probe}, family = {training}
}
"""
PAGE = """---
paper:
  slug: probe
  bib: last2020probe
  name: Probe
  family: training
  tasks: [pretraining]
  modalities: [image, text]
  protocol: pretraining
  tldr: A notebook that does nothing.
  tldr_zh: 无。
  code: []
  figure: {paper: "none", shows: "nothing", alt: "nothing"}
  claims:
    - {id: one, says: "One is one", paper: {value: "1", where: "none"}, check: "one > 0", seeds: 1, tolerance: "none"}
  deviations: ["all"]
  errata: []
---
# Probe
"""
WORK = "import torch\nimport matplotlib.pyplot as plt\nfig, ax = plt.subplots()\n"
OURS = {  # what follows torch
    "import vlatlas": "import vlatlas",
    "import vlatlas.losses": "import vlatlas.losses; vlatlas.losses.ClipLoss, vlatlas.losses.SigLipLoss",
}
RECORD = "from vlatlas import repro\nrepro.record('probe', {'one': 1.0}, figure=fig, parameters={})"


def startup(laps: int = 9) -> list[Ratio]:
    """Imports and the commands that should answer at once, each in a fresh process, against `import torch`.

    What an import of ours adds is a hundredth of torch's own time, so each is timed in the process that has just timed
    torch: between two processes, chance alone makes more of a difference.
    """
    times = take_turns(
        {
            "import torch": _process("-c", "import torch"),
            "import open_clip": _process("-c", "import open_clip"),
            "vlatlas list": _process("-m", "vlatlas.cli", "list"),
        },
        laps,
        warm_up=1,
    )
    rows = ratios(times, "import torch")
    for name, lines in OURS.items():
        rows += ratios(_after_torch(name, lines, laps), "import torch alone")
    bars = {r.name: r.baseline_seconds / (r.baseline_seconds + 0.1) for r in rows if r.name in OURS}  # 0.1 s more
    return [replace(r, note=f"{r.seconds - r.baseline_seconds:+.3f} s").barred(bars) for r in rows]


def _after_torch(name: str, lines: str, laps: int) -> dict[str, list[float]]:
    """Seconds of `import torch`, and of it and these lines together, as each of some processes measured both."""
    now = "time.perf_counter()"
    code = f"import time; a = {now}; import torch; b = {now}; {lines}; print(b - a, {now} - a)"
    taken = [[float(word) for word in _process("-c", code)().split()] for _ in range(laps)]
    return {"import torch alone": [a for a, _ in taken], name: [b for _, b in taken]}


def notebooks(laps: int = 5) -> list[Ratio]:
    """`vlatlas reproduce` of a notebook that imports torch and draws an empty figure, against the same lines as a script: as
    one command, and, as in a batch, with runner and kernel forked from a process with the libraries loaded."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _atlas(root)
        env = os.environ | {"VLATLAS_ROOT": folder, "MPLBACKEND": "agg"}
        script = f"{WORK}fig.savefig({str(root / 'figure.svg')!r}); fig.savefig({str(root / 'figure.png')!r})"
        command = ("-m", "vlatlas.cli", "reproduce", "probe", "--profile", "smoke", "--force")
        with Warmth() as warm, open(os.devnull, "w") as nowhere:

            def forked():
                status = warm.runner(list(command[2:]), env, nowhere).wait()
                if status:
                    raise RuntimeError(f"a run in a warm kernel ended with {status}")

            times = take_turns(
                {
                    "script": _process("-c", script, env=env),
                    "reproduce, one command": _process(*command, env=env),
                    "reproduce, in a batch": forked,
                },
                laps,
                warm_up=1,
            )
    return [
        replace(r, note=f"{r.seconds - r.baseline_seconds:+.2f} s", at_least=r.baseline_seconds / (r.baseline_seconds + extra))
        for r, extra in zip(ratios(times, "script"), (2.5, 0.5), strict=True)
    ]


def _atlas(root: Path) -> None:
    """An atlas of one paper."""
    paper = root / "book" / "papers" / "probe"
    paper.mkdir(parents=True)
    (root / "papers.bib").write_text(BIB, encoding="utf-8")
    (root / "_config.yml").write_text("title: probe\n", encoding="utf-8")
    (paper / "index.md").write_text(PAGE, encoding="utf-8")
    sources = [(["parameters"], 'profile = "cpu"\nseeds = [0]\ndevice = "auto"'), ([], WORK), ([], RECORD)]
    cells = [
        {"cell_type": "code", "id": f"c{i}", "execution_count": None, "outputs": [], "metadata": {"tags": tags}, "source": text}
        for i, (tags, text) in enumerate(sources)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": cells}
    (paper / "reproduce.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def _process(*arguments: str, env: dict | None = None):
    def run():
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=env)
        if done.returncode:
            raise RuntimeError(f"python {' '.join(arguments)[:80]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done.stdout

    return run
