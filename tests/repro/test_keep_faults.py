"""Faults while a run is kept as the committed record, or that record is judged anew: at every change of a file."""

import json
import os
import subprocess
import sys

import crash
import pytest

from vlatlas.repro import atomic, catalogue, runner
from vlatlas.repro.check import records as check
from vlatlas.repro.keeping import keep, rejudge
from vlatlas.repro.records import Record


@pytest.fixture
def atlas(make_atlas):
    """A committed record of gain 2, and a finished run of gain 4 that is to replace it."""
    atlas = make_atlas("toy")
    run(atlas)
    keep(catalogue.load(atlas.root)["toy"], "cpu")
    atlas.edit("book/papers/toy/reproduce.ipynb", "scale * (2", "2 * scale * (2")
    run(atlas)
    return atlas


def run(atlas):
    assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "done"


def litter(atlas) -> list[str]:
    return [p.name for p in (atlas.root / "book/papers/toy/records").iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize("how", crash.FAULTS)
def test_every_crash_point_of_keep(atlas, how, injected):
    folder = atlas.root / "book/papers/toy/records"
    old = {p.name: p.read_bytes() for p in folder.iterdir()}
    new = Record.read(atlas.root / "_build/runs/cpu/toy/record.json")

    def whole(end):
        record = Record.read(folder / "cpu.json")
        assert record.sealed and record.metrics["gain"][0] in (2.0, 4.0)
        found = catalogue.load(atlas.root)
        figure = (folder / "cpu.svg").read_bytes()
        if runner.file_digest(folder / "cpu.svg") != record["figures"]["figure.svg"]:
            assert any("not the one the run drew" in p.message for p in check.check(found)), "a half-kept record is named"
            assert figure.endswith(b"</svg>"), "every file is whole, even so"

    def reset():
        assert keep(catalogue.load(atlas.root)["toy"], "cpu"), "the next call succeeds"
        assert Record.read(folder / "cpu.json").metrics == new.metrics and litter(atlas) == []
        assert check.check(catalogue.load(atlas.root)) == []
        for name, data in old.items():
            (folder / name).write_bytes(data)

    assert crash.every_point(["keep", "toy"], how, "keep", injected, whole, reset) > 6


@pytest.mark.parametrize("how", crash.FAULTS)
def test_every_crash_point_of_judging_anew(atlas, how, injected):
    keep(catalogue.load(atlas.root)["toy"], "cpu")
    atlas.edit("book/papers/toy/index.md", "lo(gain) > 1.5", "lo(gain) > 1.25")
    path = atlas.root / "book/papers/toy/records/cpu.json"
    old = path.read_bytes()

    def whole(end):
        assert Record.read(path).sealed
        assert json.loads(path.read_bytes())["claims"][0]["check"] in ("lo(gain) > 1.5", "lo(gain) > 1.25")

    def reset():
        rejudge(catalogue.load(atlas.root)["toy"], "cpu")
        assert check.check(catalogue.load(atlas.root)) == [] and litter(atlas) == []
        path.write_bytes(old)

    assert crash.every_point(["keep", "toy", "--rejudge"], how, "judging anew", injected, whole, reset) > 3


def test_what_a_living_writer_is_writing_is_left_alone(tmp_path):
    mine = tmp_path / f".cpu.json.{os.getpid()}-abc.part"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    theirs = tmp_path / f".cpu.json.{dead.pid}-abc.part"
    other = tmp_path / ".notes.part"
    for path in (mine, theirs, other):
        path.write_text("x")
    atomic.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])
