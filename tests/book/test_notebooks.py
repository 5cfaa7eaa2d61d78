"""Every notebook, as a reader would run it, in the smoke profile."""

import json
import subprocess
import sys

import nbformat
import pytest

from vlatlas import paths
from vlatlas.repro import catalogue, expressions, runner

ROOT = paths.root()
NOTEBOOKS = sorted(p.slug for p in catalogue.load(ROOT).papers.values() if p.status == "notebook")


def test_there_are_notebooks():
    assert {"clip", "flip", "siglip"} <= set(NOTEBOOKS)


@pytest.mark.slow
@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_it_runs_under_the_runner_and_the_same_seed_gives_the_same_numbers(slug):
    lines = []
    first, second = (
        runner.reproduce(slug, "smoke", seeds=[0], device="cpu", force=True, root=ROOT, say=lines.append) for _ in range(2)
    )
    assert first.status == second.status == "done", "\n".join(lines)
    assert first.record.claims and all(c["verdict"] == "not testable here" for c in first.record.claims)
    assert first.record.verdict is None, "smoke judges nothing"
    measured_in_seconds = set(json.loads(json.dumps(catalogue.load(ROOT)[slug].data["tolerances"])))
    a, b = first.record.metrics, second.record.metrics
    assert set(a) == set(b)
    differ = {name for name in a if a[name] != b[name]}
    assert differ <= measured_in_seconds, f"not reproducible: {sorted(differ - measured_in_seconds)}"


@pytest.mark.slow
@pytest.mark.parametrize("slug", NOTEBOOKS)
def test_every_check_names_metrics_that_the_notebook_records(slug):
    result = runner.reproduce(slug, "smoke", seeds=[0], device="cpu", root=ROOT, say=lambda line: None)
    recorded = set(result.record.metrics)
    data = catalogue.load(ROOT)[slug].data
    for item in (*data["claims"], *data["controls"]):
        for text in (item["check"], item.get("direction")):
            assert text is None or set(expressions.parse(text).names) <= recorded, item["id"]


@pytest.mark.slow
def test_they_run_without_the_runner_under_nbmake(tmp_path):
    """nbmake executes copies whose parameters ask for the smoke profile, from another folder."""
    for slug in NOTEBOOKS:
        notebook = nbformat.read(ROOT / "book" / "papers" / slug / "reproduce.ipynb", as_version=4)
        at = next(i for i, c in enumerate(notebook.cells) if "parameters" in c.metadata.get("tags", []))
        notebook.cells.insert(at + 1, nbformat.v4.new_code_cell('profile, seeds, device = "smoke", [0], "cpu"'))
        nbformat.write(notebook, tmp_path / f"{slug}.ipynb")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--nbmake-timeout=300",
        "-q",
        "-p",
        "no:cacheprovider",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(NOTEBOOKS)} passed" in done.stdout
