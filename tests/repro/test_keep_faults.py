"""Faults while a run is kept as the committed record, or that record is judged anew: killed, or a full disk, at every
change of a file."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from vlatlas.repro import atomic, catalogue, runner
from vlatlas.repro.check import records as check
from vlatlas.repro.keeping import keep
from vlatlas.repro.records import Record

STRIDE = 1 if int(os.environ.get("VLATLAS_FAULTS", "6")) >= 100 else 3
CHILD = """
import builtins, errno, io, os, signal, sys
at, how, count = int(sys.argv[1]), sys.argv[2], 0
def before(function, changes=lambda *a: True):
    def wrapped(*a, **k):
        global count
        if changes(*a, *k.values()):
            count += 1
            if count == at and how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if count == at:
                raise OSError(errno.ENOSPC, "No space left on device", "somewhere")
        return function(*a, **k)
    return wrapped
from vlatlas import cli
from vlatlas.repro import commands, keeping, summary
for name in ("replace", "fsync", "unlink", "mkdir", "chmod"):
    setattr(os, name, before(getattr(os, name)))
io.open = builtins.open = before(io.open, lambda file, mode="r", *a: any(c in str(mode) for c in "wax"))
os.open = before(os.open, lambda path, flags=0, *a: flags & (os.O_WRONLY | os.O_RDWR))
status = cli.main(sys.argv[3:])
print("steps", count)
sys.exit(status)
"""


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


def enumerate_faults(atlas, how, kind, arguments, injected, whole, reset) -> int:
    """Every STRIDE-th crash point of a command: `whole()` after each, and `reset()` before the next."""
    child, step = atlas.write("child.py", CHILD), 1 - STRIDE
    while True:
        step += STRIDE
        with injected(f"{kind} at its n-th change of a file: {how}"):
            command = [sys.executable, str(child), str(step), how, *arguments]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            whole()
            counted = re.search(r"steps (\d+)", done.stdout)
            if counted and int(counted[1]) < step:
                assert done.returncode == 0
                return step
            if how == "kill":
                assert done.returncode == -signal.SIGKILL
            elif done.returncode:
                assert done.returncode == 1 and done.stderr.count("\n") == 1 and "No space left" in done.stderr, done.stderr
            reset()


def litter(atlas) -> list[str]:
    return [p.name for p in (atlas.root / "book/papers/toy/records").iterdir() if p.name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "full"])
def test_every_crash_point_of_keep(atlas, how, injected):
    folder = atlas.root / "book/papers/toy/records"
    old = {p.name: p.read_bytes() for p in folder.iterdir()}
    new = Record.read(atlas.root / "_build/runs/cpu/toy/record.json")

    def whole():
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

    assert enumerate_faults(atlas, how, "keep", ["keep", "toy"], injected, whole, reset) > 6


@pytest.mark.slow
@pytest.mark.parametrize("how", ["kill", "full"])
def test_every_crash_point_of_judging_anew(atlas, how, injected):
    keep(catalogue.load(atlas.root)["toy"], "cpu")
    atlas.edit("book/papers/toy/index.md", "lo(gain) > 1.5", "lo(gain) > 1.25")
    path = atlas.root / "book/papers/toy/records/cpu.json"
    old = path.read_bytes()

    def whole():
        assert Record.read(path).sealed
        assert json.loads(path.read_bytes())["claims"][0]["check"] in ("lo(gain) > 1.5", "lo(gain) > 1.25")

    def reset():
        command = [sys.executable, "-m", "vlatlas.cli", "keep", "toy", "--rejudge"]
        assert subprocess.run(command, capture_output=True).returncode == 0
        assert check.check(catalogue.load(atlas.root)) == [] and litter(atlas) == []
        path.write_bytes(old)

    assert enumerate_faults(atlas, how, "judging anew", ["keep", "toy", "--rejudge"], injected, whole, reset) > 3


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
