"""Faults: after each, the last good result is whole, the message is clear, and the next call succeeds.

Crash points are enumerated: a child process is killed, or meets a full, read-only or broken disk, at its n-th change of
the file system, for n = 1, 2, ... as far as a run goes. Kills at random moments of a real run come on top.
VLATLAS_FAULTS sets how many (default 6); from 100 on a kernel prints a gigabyte, not a tenth of one. VLATLAS_FAULTS_PART names
a part of a long session: each has random moments of its own.
"""

import ctypes
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import crash
import psutil
import pytest

from vlatlas.repro import catalogue, runner, workspace
from vlatlas.repro.records import Record, RecordError
from vlatlas.repro.runner import file_digest

FAULTS = int(os.environ.get("VLATLAS_FAULTS", "6"))
PART = os.environ.get("VLATLAS_FAULTS_PART", "0")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's process control")


@pytest.fixture
def atlas(make_atlas):
    atlas = make_atlas("toy")
    runner.reproduce("toy", root=atlas.root, say=lambda line: None)
    return atlas


def start(*arguments, **options) -> subprocess.Popen:
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | options
    return subprocess.Popen([sys.executable, "-m", "vlatlas.cli", *arguments], **options)


def finish(process: subprocess.Popen, limit: float = 60) -> tuple[int, str]:
    output, _ = process.communicate(timeout=limit)
    return process.returncode, output


def assert_whole(atlas, slug="toy") -> Record:
    """The published run is one run: sealed, with its own figures and a complete executed notebook."""
    folder = atlas.root / "_build/runs/cpu" / slug
    record = Record.read(folder / "record.json")
    assert record.sealed
    for name, digest in record["figures"].items():
        assert file_digest(folder / name) == digest
    json.loads((folder / "reproduce.ipynb").read_text())
    return record


def assert_recovers(atlas) -> None:
    """The next call succeeds and leaves no litter."""
    assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).exit_status == 0
    assert_whole(atlas)
    assert not list((atlas.root / "_build/runs/.staging").glob("[!.]*"))


def kernels(atlas) -> list[psutil.Process]:
    """Kernels of this atlas that are alive: they work in its runs' folders, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(str(atlas.root / "_build" / "runs")):
                found.append(process)
        except psutil.Error:
            continue
    return found


def assert_no_kernel(atlas) -> None:
    deadline = time.monotonic() + 5
    while kernels(atlas) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not kernels(atlas)


@pytest.mark.parametrize("how", crash.FAULTS)
def test_every_crash_point_of_a_run(atlas, how, injected):
    """With a stand-in for the kernel: what is tested is everything around it."""
    old = assert_whole(atlas).data

    def whole(end):
        nonlocal old
        record = assert_whole(atlas)
        assert end.code == 0 or record.data == old or record.metrics["gain"] == [3.0] * 3
        old = record.data

    command = ["reproduce", "toy", "--force"]
    assert crash.every_point(command, how, "a run", injected, whole, prepare=crash.fake_kernel) > 20
    assert crash.crash(command, 0, how, crash.fake_kernel).code == 0
    assert not list((atlas.root / "_build/runs/.staging").glob("[!.]*"))
    assert len(list((atlas.root / "_build/runs/.store/cpu/toy").iterdir())) <= 2


@LINUX
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_random_moments_of_a_real_run(atlas, number, injected):
    chance = random.Random(f"{int(number)}/{PART}")
    before = assert_whole(atlas).data
    for _ in range(-(-FAULTS // 3)):
        with injected(f"a run at a random moment: {signal.Signals(number).name}"):
            process = start("reproduce", "toy", "--force", start_new_session=True)
            time.sleep(chance.uniform(0.02, 2.5))
            process.send_signal(number)
            code, output = finish(process)
            assert code in (0, -number, 128 + number), output
            assert_no_kernel(atlas)
            assert assert_whole(atlas)["metrics"] == before["metrics"]
    assert_recovers(atlas)


def test_what_fails_before_the_kernel_starts_harms_nobody(atlas, injected):
    with injected("a notebook that no kernel can run"):
        path = atlas.root / "book/papers/toy/reproduce.ipynb"
        data = json.loads(path.read_text())
        data["cells"][1]["metadata"] = 3
        path.write_text(json.dumps(data))
        code, output = finish(start("reproduce", "toy", "--force"))
        assert code == 1 and "toy (cpu) failed" in output and "Traceback" not in output
        assert_whole(atlas)


@LINUX
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_stopped_run_ends_its_kernel_and_keeps_the_partial_copy(atlas, number, status):
    before = assert_whole(atlas).data
    atlas.paper("toy", "print('begun', flush=True)\nimport time\ntime.sleep(60)", bib=False)
    process = start("reproduce", "toy", start_new_session=True)
    log = atlas.root / "_build/runs/.staging"
    deadline = time.monotonic() + 30
    while not any("begun" in p.read_text() for p in log.glob("*/log.txt")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(number)
    code, output = finish(process, 30)
    assert code == status, output
    assert f"stopped by {signal.Signals(number).name}" in output and "Traceback" not in output
    failed = atlas.root / "_build/runs/.failed/cpu/toy"
    assert "begun" in (failed / "log.txt").read_text()
    assert json.loads((failed / "reproduce.ipynb").read_text())["cells"]
    assert_no_kernel(atlas)
    assert assert_whole(atlas).data == before


def test_a_hanging_cell_meets_the_time_limit_and_shows_where(atlas, injected):
    with injected("a cell that hangs"):
        before = assert_whole(atlas).data
        atlas.paper("toy", "import time\nwhile True:\n    time.sleep(1)", bib=False)
        begin = time.monotonic()
        code, output = finish(start("reproduce", "toy", "--timeout", "4"))
        assert code == 1 and time.monotonic() - begin < 20
        for part in (
            "passed its time limit of 4 s",
            "--timeout SECONDS",
            "in cell 2",
            "time.sleep(1)",
            "KeyboardInterrupt",
        ):
            assert part in output
        assert_no_kernel(atlas)
        assert assert_whole(atlas).data == before


def test_a_kernel_that_ignores_interrupts_is_killed(atlas, injected):
    with injected("a kernel that hangs and ignores interrupts"):
        source = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    time.sleep(1)"
        atlas.paper("toy", source, bib=False)
        code, output = finish(start("reproduce", "toy", "--timeout", "3"))
        assert code == 1 and "time limit" in output
        assert_no_kernel(atlas)


def test_a_kernel_killed_for_its_memory_is_explained(atlas, injected):
    with injected("a kernel killed for its memory"):
        atlas.paper("toy", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", bib=False)
        code, output = finish(start("reproduce", "toy"))
        assert code == 1 and "the kernel died" in output and "out of memory" in output and "in cell 2" in output


def test_a_kernel_that_prints_without_end_stays_bounded(atlas, injected):
    with injected("a kernel that prints a gigabyte"):
        lines = 1_000_000 if FAULTS >= 100 else 100_000  # of a thousand characters
        atlas.paper("toy", f"line = 'x' * 999\nfor _ in range({lines}):\n    print(line)", atlas.MEASURE, bib=False)
        code, output = finish(start("reproduce", "toy"), 600)
        assert code == 0, output
        folder = atlas.root / "_build/runs/cpu/toy"
        assert (folder / "reproduce.ipynb").stat().st_size < 3_000_000
        assert (folder / "log.txt").stat().st_size < 60_000_000
        assert "was left out" in (folder / "reproduce.ipynb").read_text()


def test_a_processs_child_that_prints_past_the_notebook_stays_bounded(atlas, monkeypatch, injected):
    with injected("a child process that prints past the notebook"):
        from vlatlas.repro import execution

        monkeypatch.setattr(execution, "RAW_LIMIT", 1_000_000)
        source = "import os\nwhile True:\n    os.write(3, b'') if False else os.system('head -c 300000 /dev/zero >&2')"
        atlas.paper("toy", source, bib=False)
        result = runner.reproduce("toy", root=atlas.root, timeout=60, say=lambda line: None)
        assert result.exit_status == 1 and result.failure.kind in ("dead", "timeout")
        assert_no_kernel(atlas)


@LINUX
def test_a_full_disk(atlas, injected):
    """A limit on the size of files stands in for a full disk: writes fail in the runner and in the kernel."""
    with injected("a full disk under runner and kernel"):
        before = assert_whole(atlas).data
        atlas.paper("toy", "print('x' * 300_000)", atlas.MEASURE, bib=False)

        def small():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        code, output = finish(start("reproduce", "toy", preexec_fn=small))
        assert code == 1 and "File too large" in output and "Traceback (most recent call last):\n  File" not in output, output
        assert assert_whole(atlas).data == before
        assert_no_kernel(atlas)
        assert_recovers(atlas)


@LINUX
def test_a_read_only_folder(atlas, injected):
    with injected("three read-only folders"):
        before = assert_whole(atlas).data
        runs = atlas.root / "_build/runs"

        def without_privilege():
            ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE: root obeys permissions too

        for folder in (runs / ".staging", runs / ".locks", runs / ".store/cpu/toy"):
            folder.chmod(0o555)
            if folder.name == ".locks":
                (folder / "cpu.toy").unlink()
            try:
                code, output = finish(start("reproduce", "toy", "--force", preexec_fn=without_privilege))
            finally:
                folder.chmod(0o755)
            assert code == 1 and "Permission denied" in output and output.count("\n") == 1, output
            assert assert_whole(atlas).data == before
        assert_recovers(atlas)


def test_something_else_in_the_way(atlas, injected):
    with injected("a folder in the place of a link"):
        link = atlas.root / "_build/runs/cpu/toy"
        link.unlink()
        link.mkdir()
        (link / "precious.txt").write_text("a user's own")
        assert_recovers(atlas)
        assert [p.read_text() for p in link.parent.glob(".toy.*.old/precious.txt")] == ["a user's own"]


def test_two_runs_of_one_paper_share_one_result(atlas, injected):
    with injected("three runs of one paper at once"):
        atlas.paper("toy", "import time\ntime.sleep(4)", atlas.MEASURE, bib=False)
        processes = [start("reproduce", "toy") for _ in range(3)]
        outputs = [finish(p) for p in processes]
        assert [code for code, _ in outputs] == [0, 0, 0]
        text = "".join(output for _, output in outputs)
        assert text.count("record reused") == 2 and text.count("being run by process") >= 1
        assert_whole(atlas)


@LINUX
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_batch_leaves_no_run_behind(atlas, number, injected):
    with injected("a batch of two that is stopped"):
        atlas.paper("toy", "import time\ntime.sleep(60)", bib=False)
        atlas.paper("tie", "import time\ntime.sleep(60)")
        process = start("reproduce", "--all", "--jobs", "2", start_new_session=True, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120  # a batch first loads the libraries that its kernels share
        while len(kernels(atlas)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(kernels(atlas)) == 2
        process.send_signal(number)
        process.wait(30)
        assert process.returncode == (143 if number == signal.SIGTERM else -9)
        deadline = time.monotonic() + 15
        while kernels(atlas) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not kernels(atlas)
        assert_whole(atlas)


def test_a_clock_that_jumps_back(atlas, monkeypatch, injected):
    with injected("a clock that jumps back"):
        monkeypatch.setattr(workspace, "now", lambda: "1999-01-01T00:00:00Z")
        monkeypatch.setattr(runner, "now", lambda: "1999-01-01T00:00:00Z")
        for _ in range(3):
            assert runner.reproduce("toy", root=atlas.root, force=True, say=lambda line: None).status == "done"
        assert assert_whole(atlas)["finished"].startswith("1999")
        assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "reused"


@pytest.mark.parametrize(
    "change",
    [{"schema": 0}, {"schema": 99}, {"metrics": {}}, {"claims": [{}]}, {"provenance": None}, {"slug": "tie"}],
)
def test_an_older_or_odd_record_is_reported_and_replaced(atlas, change, injected):
    with injected("a record of another schema or shape"):
        path = atlas.root / "_build/runs/cpu/toy/record.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        paper = catalogue.load(atlas.root)["toy"]
        assert paper.verdict is None
        try:
            sealed = Record.read(path).sealed
            assert not sealed
        except RecordError:
            assert paper.record_faults
        assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "done"
        assert_recovers(atlas)


@pytest.mark.parametrize("junk", [b"", b"\x00" * 100, b"{", b'{"schema": 1}', b"[" * 100_000])
def test_a_corrupt_record_is_replaced(atlas, junk, injected):
    with injected("a corrupt record"):
        (atlas.root / "_build/runs/cpu/toy/record.json").write_bytes(junk)
        assert catalogue.load(atlas.root)["toy"].verdict is None
        assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "done"


@pytest.mark.parametrize("name", ["figure.svg", "reproduce.ipynb", "record.json"])
@pytest.mark.parametrize("how", ["truncated", "flipped", "gone"])
def test_a_damaged_file_of_a_run_is_noticed_and_the_run_made_anew(atlas, name, how, injected):
    path = atlas.root / "_build/runs/cpu/toy" / name
    whole = path.read_bytes()
    if name == "reproduce.ipynb" and how != "gone":
        pytest.skip("the executed notebook is for reading: no number comes from it, and it has no digest")
    with injected(f"a {name} that is {how}"):
        path.unlink() if how == "gone" else path.write_bytes(whole[: len(whole) // 2] if how == "truncated" else whole[::-1])
        assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "done"
        assert_recovers(atlas)


def test_a_clock_that_jumps_during_a_run(atlas, monkeypatch, injected):
    times = iter(["2031-01-01T00:00:00Z", "1999-01-01T00:00:00Z"] * 9)
    with injected("a clock that jumps by decades during a run"):
        for module in (workspace, runner):
            monkeypatch.setattr(module, "now", lambda: next(times))
        result = runner.reproduce("toy", root=atlas.root, force=True, say=lambda line: None)
        assert result.status == "done" and 0 < result.record["elapsed_s"] < 60, "time is measured by a clock that cannot jump"
        assert runner.reproduce("toy", root=atlas.root, say=lambda line: None).status == "reused"


@pytest.mark.slow
def test_two_batches_of_two_at_once_share_the_work(atlas, injected):
    atlas.paper("tie", "import time\ntime.sleep(2)", atlas.MEASURE)
    atlas.paper("toy", "import time\ntime.sleep(2)", atlas.MEASURE, bib=False)
    with injected("two batches of two at once"):
        outputs = [finish(p, 120) for p in [start("reproduce", "--all", "--jobs", "2") for _ in range(2)]]
        assert [code for code, _ in outputs] == [0, 0], outputs
        assert "".join(text for _, text in outputs).count("record reused") == 2, "each paper was run once"
        for slug in ("toy", "tie"):
            assert_whole(atlas, slug)
