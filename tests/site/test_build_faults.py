"""A build of the site that is killed at a random moment: the next one leaves no half page."""

import importlib.util
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

FAULTS = int(os.environ.get("VLATLAS_FAULTS", "6"))


@pytest.fixture(scope="module")
def small():
    spec = importlib.util.spec_from_file_location("small_book", Path(__file__).with_name("small.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def note(kind: str, seconds: float) -> None:
    if log := os.environ.get("VLATLAS_FAULTS_LOG"):
        with open(log, "a", encoding="utf-8") as stream:
            stream.write(f'{{"kind": "{kind}", "held": true, "seconds": {seconds:.2f}}}\n')


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_a_killed_build_is_made_whole_by_the_next(small, tmp_path):
    book = small.small_book(tmp_path)
    command = small.command(book)
    began = time.monotonic()
    subprocess.run(command, capture_output=True, check=True)
    length, whole = time.monotonic() - began, {p: p.read_bytes() for p in small.pages(book)}
    assert len(whole) >= 4 and not (book / "_build/.unfinished").exists()
    chance = random.Random(0)
    for _ in range(max(1, min(10, FAULTS // 20))):
        (book / "book/index.md").write_text((book / "book/index.md").read_text(encoding="utf-8") + "\n", encoding="utf-8")
        begin = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(chance.uniform(0.1, 0.9) * length)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        victim = chance.choice(sorted(whole))  # the worst case: a page was being written at that moment
        victim.write_bytes(whole[victim][: len(whole[victim]) // 2])
        (book / "_build/.unfinished").touch()
        subprocess.run(command, capture_output=True, check=True)
        assert not (book / "_build/.unfinished").exists()
        for path, before in whole.items():
            end = before.rstrip()[-7:]  # "</html>"; the page at the root is a line that leads to the front door
            assert path.read_bytes().rstrip().endswith(end), path
        note("a build at a random moment: SIGKILL", time.monotonic() - begin)


def test_after_a_build_that_did_not_end_everything_is_built_anew(small, tmp_path, monkeypatch):
    from vlatlas.site import build

    book, commands, status = small.small_book(tmp_path), [], 1

    def run(command, check):
        commands.append(command)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(build.subprocess, "run", run)
    assert build.build(book) == 1 and (book / "_build/.unfinished").exists()
    status = 0
    (book / "_build/html").mkdir()
    assert build.build(book) == 0 and not (book / "_build/.unfinished").exists()
    assert build.build(book) == 0
    assert ["--all" in command for command in commands] == [False, True, False]


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_a_warning_is_told_by_every_build_until_its_page_is_mended(small, tmp_path):
    from vlatlas.site import build

    book = small.small_book(tmp_path)
    assert build.build(book) == 0
    page = book / "book/families/training.md"
    sound = page.read_text(encoding="utf-8")
    page.write_text(sound + "\nSee {term}`no such term`.\n", encoding="utf-8")
    for _ in range(2):
        assert build.build(book) == 1, "what was read with a fault is not taken for whole"
        assert not (book / "_build/.unfinished").exists(), "its pages are whole: the next build needs no others"
    page.write_text(sound, encoding="utf-8")
    other = book / "_build/html/book/papers/flip/index.html"
    written = other.stat().st_mtime_ns
    assert build.build(book) == 0
    assert other.stat().st_mtime_ns == written, "a page without a fault was not written again"


def test_a_stale_table_of_contents_stops_a_build_before_it_begins(small, tmp_path, capfd):
    from vlatlas.site import build

    book = small.small_book(tmp_path)
    (book / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    assert build.build(book) == 1
    assert "vlatlas toc" in capfd.readouterr().err
    assert not (book / "_build/html").exists() and not (book / "_build/.unfinished").exists()
