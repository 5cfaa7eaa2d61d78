"""The command line: what a newcomer types, what a typo gets, what a stranger tries."""

import json
import os
import subprocess
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vlatlas import cli

PAGE = """---
paper:
  slug: SLUG
  bib: key2020SLUG
  name: SLUG
  family: training
  tasks: [pretraining]
  modalities: [image]
  protocol: pretraining
  tldr: Short.
  tldr_zh: 短。
  code: []
  figure: {paper: "Fig. 1", shows: "x", alt: "x"}
  claims:
    - {id: gain, says: "It gains", paper: {value: "2x", where: "Fig. 1"}, check: "gain > GOAL", tolerance:
    "t"}
  deviations: []
  errata: []
---
# SLUG
"""
BIB = """@misc{key2020SLUG, title = {Title of SLUG}, author = {Last, First}, year = {2020}, venue = {arXiv},
  eprint = {2001.00001}, archiveprefix = {arXiv}, slug = {SLUG}, family = {training}}
"""
CELLS = [
    ('profile = "cpu"\nseeds = [0, 1, 2]\ndevice = "auto"', ["parameters"]),
    ('from vlatlas import repro\nrepro.record("SLUG", {"gain": [2.0] * len(seeds)})', []),
]


def make(root, slug, goal="1"):
    folder = root / "book" / "papers" / slug
    folder.mkdir(parents=True)
    (folder / "index.md").write_text(PAGE.replace("SLUG", slug).replace("GOAL", goal))
    cells = []
    for index, (source, tags) in enumerate(CELLS):
        cell = {"cell_type": "code", "id": f"c{index}", "execution_count": None, "outputs": []}
        cells.append(cell | {"metadata": {"tags": tags}, "source": source.replace("SLUG", slug)})
    data = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "reproduce.ipynb").write_text(json.dumps(data))
    with open(root / "papers.bib", "a") as file:
        file.write(BIB.replace("SLUG", slug))


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "_config.yml").write_text("title: t\n")
    make(tmp_path, "flip")
    make(tmp_path, "clip", goal="5")
    monkeypatch.setenv("VLATLAS_ROOT", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def run(capsys, *arguments):
    try:
        status = cli.main(list(arguments))
    except SystemExit as stop:
        status = stop.code
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_list_show_and_their_json(root, capsys):
    status, out, _ = run(capsys, "list")
    assert status == 0 and "flip" in out and "2 notebook" in out
    status, out, _ = run(capsys, "list", "--json", "--family", "training")
    entry = json.loads(out)[0]
    assert {
        "slug",
        "title",
        "family",
        "year",
        "venue",
        "arxiv",
        "code",
        "status",
        "verdict",
        "claims",
        "records",
    } <= set(entry)
    assert entry["claims"] == [{"id": "gain", "says": "It gains", "verdict": None}]
    assert run(capsys, "list", "--verdict", "reproduced")[1] == "no paper matches\n"
    status, out, _ = run(capsys, "show", "flip")
    assert status == 0 and "Title of flip" in out and "2x" in out and "vlatlas reproduce flip" in out


def test_reproduce_reuse_strict_keep_compare(root, capsys):
    status, out, _ = run(capsys, "reproduce", "flip")
    assert status == 0 and "flip: reproduced" in out and "_build/runs/cpu/flip/record.json" in out
    begin = time.monotonic()
    status, out, _ = run(capsys, "reproduce", "flip")
    assert status == 0 and "record reused" in out and time.monotonic() - begin < 2
    assert run(capsys, "reproduce", "flip", "--strict")[0] == 0
    status, out, err = run(capsys, "reproduce", "clip", "--strict")
    assert status == 1 and "clip: not reproduced" in out and "--strict" in err
    assert run(capsys, "reproduce", "clip")[0] == 0
    status, out, _ = run(capsys, "keep", "flip")
    assert status == 0 and "records/cpu.json" in out
    status, out, _ = run(capsys, "list", "--json", "--verdict", "reproduced")
    (entry,) = json.loads(out)
    assert entry["records"]["cpu"]["path"] == "book/papers/flip/records/cpu.json"
    assert entry["records"]["cpu"]["seeds"] == [0, 1, 2]
    status, out, _ = run(capsys, "compare", "pretraining")
    assert status == 0 and "flip" in out and "clip" in out and "cpu profile" in out
    status, out, _ = run(capsys, "compare", "pretraining", "--format", "csv")
    assert out.splitlines()[0] == "protocol,profile,slug,metric,mean,sd,seeds,date,verdict"
    status, out, _ = run(capsys, "verify", "flip")
    assert status == 0 and "3 of 3 values agree" in out


@pytest.mark.parametrize("extra", [[], ["--executor", "dask"]])
def test_many_at_once(root, capsys, extra):
    if extra:
        pytest.importorskip("distributed")
    status, out, _ = run(capsys, "reproduce", "--all", "--profile", "smoke", "--jobs", "2", *extra)
    assert status == 0, out
    assert "2 of 2 done" in out
    for slug in ("flip", "clip"):
        assert (root / "_build/runs/smoke" / slug / "record.json").is_file()


BAD = [
    (["reproduce", "flp"], "no paper 'flp'; did you mean flip"),
    (["reproduce", "FLIP"], "did you mean flip"),
    (["reproduce", "../../etc"], "not a paper's name"),
    (["reproduce", "/etc/passwd"], "not a paper's name"),
    (["reproduce", ""], "not a paper's name"),
    (["reproduce", "$(touch x)"], "not a paper's name"),
    (["reproduce", "flip; rm -rf /"], "not a paper's name"),
    (["reproduce", "flip\nclip"], "not a paper's name"),
    (["reproduce", "\x1b[31mflip"], "not a paper's name"),
    (["reproduce", "x" * 10_000], "no paper"),
    (["reproduce", "."], "not a paper's name"),
    (["reproduce"], "which paper?"),
    (["reproduce", "--all", "flip"], "not both"),
    (["reproduce", "--family", "trainin"], "did you mean training"),
    (["reproduce", "--family", "video"], "has a notebook"),
    (["reproduce", "flip", "--profile", "cpuu"], "did you mean cpu"),
    (["reproduce", "flip", "--profile", ""], "no profile"),
    (["reproduce", "flip", "--profile", "../x"], "no profile"),
    (["reproduce", "flip", "--seeds", "1,two"], "not whole numbers"),
    (["reproduce", "flip", "--seeds", ""], "not whole numbers"),
    (["reproduce", "flip", "--device", "cuda;x"], "no device"),
    (["reproduce", "flip", "-p", "epochs"], "NAME=VALUE"),
    (["reproduce", "flip", "-p", "epochs=4"], "no parameter 'epochs'"),
    (["reproduce", "flip", "--timeout", "soon"], "--timeout"),
    (["reproduce", "flip", "--timeout", "nan"], "time limit"),
    (["reproduce", "flip", "--jobs", "0"], "--jobs"),
    (["reproduce", "flip", "--executor", "slurm"], "no executor"),
    (["reproduce", "flip", "--prof", "cpu"], "unrecognized"),
    (["show", "flipp"], "did you mean flip"),
    (["compare", "dense"], "known are pretraining"),
    (["compare", "pretraining", "--format", "xml"], "no format"),
    (["list", "--status", "done"], "use planned, notes, notebook"),
    (["new", "flip"], "already"),
    (["new", "unheard-of"], "no paper"),
    (["keep", "flip", "--profile", "tiny"], "no profile"),
    (["frobnicate"], "frobnicate"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD)
def test_a_mistake_gets_one_line_status_two_and_touches_nothing(root, capsys, arguments, words):
    before = sorted(root.rglob("*"))
    status, out, err = run(capsys, *arguments)
    assert status == 2 and out == ""
    assert err.count("\n") == 1 and words in err and len(err) < 500
    assert err.isprintable() or err[:-1].isprintable()
    after = [p for p in sorted(root.rglob("*")) if ".cache" not in p.parts and p.name != "_build"]
    assert after == before


@settings(
    max_examples=int(os.environ.get("VLATLAS_EXAMPLES", "200")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.text(max_size=30))
def test_no_name_escapes_or_crashes(root, capsys, name):
    status, _, err = run(capsys, "reproduce", "--profile", "smoke", "--", name)
    assert status == 2 and err.count("\n") == 1 and not (root / "_build" / "runs").exists()


def test_errors_that_are_not_usage_exit_one(root, capsys):
    status, _, err = run(capsys, "keep", "flip")
    assert status == 1 and err == "vlatlas: flip has no finished cpu run to keep; run: vlatlas reproduce flip --profile cpu\n"
    status, out, _ = run(capsys, "check")
    assert status == 1 and "problems" in out


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code", "metadata": 3}]}'])
def test_a_damaged_notebook_or_page_is_one_line(root, capsys, text):
    notebook = root / "book/papers/flip/reproduce.ipynb"
    whole = notebook.read_text()
    notebook.write_text(text)
    status, _, err = run(capsys, "reproduce", "flip")
    assert status == 1 and "Traceback" not in err
    if '"code"' not in text:
        assert err.count("\n") == 1 and "is not a notebook" in err
    assert run(capsys, "check")[0] == 1 and run(capsys, "show", "flip")[0] == 0 and run(capsys, "list")[0] == 0
    notebook.write_text(whole)
    (root / "book/papers/flip/index.md").write_text("---\n" + text)
    status, _, err = run(capsys, "reproduce", "flip")
    assert status == 1 and err == "vlatlas: flip: its page is not valid; see: vlatlas check\n"


def test_outside_a_checkout(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VLATLAS_ROOT", str(tmp_path))
    status, _, err = run(capsys, "list")
    assert status == 2 and "holds no papers.bib" in err and err.count("\n") == 1


def test_help_version_and_no_command(capsys):
    assert run(capsys)[0] == 0
    status, out, _ = run(capsys, "--help")
    assert status == 0 and "examples:" in out and "vlatlas reproduce flip" in out
    for command in (
        "list",
        "show",
        "reproduce",
        "verify",
        "keep",
        "compare",
        "new",
        "check",
        "toc",
        "doctor",
    ):
        status, text, _ = run(capsys, command, "--help")
        assert status == 0 and command in out and text
    assert run(capsys, "--version")[1].startswith("vlatlas ")


def test_doctor_reports_every_requirement(root, capsys):
    status, out, _ = run(capsys, "doctor")
    assert status == 0, out
    for part in ("python", "torch", "papermill", "device", "disk", "checkout", "kernel"):
        assert f"ok    {part}" in out


def test_doctor_says_how_to_mend(monkeypatch):
    from vlatlas.repro import doctor

    monkeypatch.setattr(doctor, "_requirements", lambda: {"absent-package": ">=1", "pyyaml": ">=999", "numpy": ""})
    found = {f.what: f for f in doctor._packages()}
    assert found["absent-package"].state == "bad" and "make setup" in found["absent-package"].remedy
    assert found["pyyaml"].state == "bad" and ">=999" in found["pyyaml"].detail
    assert found["numpy"].state == "ok"
    assert doctor._fits("2.13.1", ">=2.11,!=2.13.0") and not doctor._fits("2.13", ">=2.11,!=2.13.0")


def test_list_is_quick_and_survives_a_closed_pipe(root):
    command = [sys.executable, "-m", "vlatlas.cli", "list"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    times = []
    for _ in range(5):
        begin = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.monotonic() - begin)
    assert min(times) < 0.5
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert done.returncode == 141 and done.stderr == ""
