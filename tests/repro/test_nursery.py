"""Kernels and runners from the nursery: the same results as from cold ones, and no process that outlives its purpose."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import psutil
import pytest

from vlatlas.repro import nursery
from vlatlas.repro.errors import RunError
from vlatlas.repro.nursling import SOCKET, Nursling, Warmth
from vlatlas.repro.records import Record

pytestmark = pytest.mark.skipif(not Warmth.possible, reason="forked kernels are for Linux")

# Not named, the library does not make a single run start a nursery of its own.
DRAWS = """import os, random, sys
import numpy
library = __import__("tor" + "ch")
library.manual_seed(seeds[0])
gains = [2.0 + library.rand(()).item() / 10 for _ in seeds]
print("hash", hash("a word"), "parent", os.getppid(), "at", os.getcwd() == sys.path[0] or "" in sys.path)
print("own", random.random(), numpy.random.rand())
"""


@pytest.fixture(scope="module")
def warm():
    with Warmth() as warm:
        yield warm


def asked(warm, *arguments, env=None):
    """(exit status, output) of a command line run by the nursery."""
    with tempfile.TemporaryFile() as output:
        status = warm.runner(list(arguments), dict(env or os.environ), output).wait(120)
        output.seek(0)
        return status, output.read().decode()


def printed(atlas, slug) -> dict[str, str]:
    lines = (atlas.root / f"_build/runs/cpu/{slug}/log.txt").read_text().splitlines()
    return dict(line.split(" ", 1) for line in lines if line.split(" ")[0] in ("hash", "own"))


def test_a_warm_kernel_measures_what_a_cold_one_does(make_atlas, warm):
    atlas = make_atlas()
    for slug in ("toy", "tie"):
        atlas.paper(slug, DRAWS)
    for slug in ("toy", "tie"):
        status, output = asked(warm, "reproduce", slug)
        assert status == 0, output
    lines = [printed(atlas, slug) for slug in ("toy", "tie")]
    assert lines[0]["own"] != lines[1]["own"], "two forks of one parent must not draw the same unseeded numbers"
    forked = Record.read(atlas.root / "_build/runs/cpu/toy/record.json")
    assert str(warm.process.pid) in lines[0]["hash"], "the kernel was forked by the nursery"
    cold = subprocess.run([sys.executable, "-m", "vlatlas.cli", "reproduce", "toy", "--force"], capture_output=True, text=True)
    assert cold.returncode == 0, cold.stderr
    again = Record.read(atlas.root / "_build/runs/cpu/toy/record.json")
    assert again.metrics == forked.metrics and len(set(again.metrics["gain"])) == 3
    assert str(warm.process.pid) not in printed(atlas, "toy")["hash"]
    assert lines[0]["hash"].split()[0] == printed(atlas, "toy")["hash"].split()[0] == str(fixed_hash())
    single = own_kernel(atlas)
    assert single.metrics == forked.metrics
    assert printed(atlas, "toy")["hash"].split()[0] == str(fixed_hash())
    assert f"parent {os.getpid()} " not in printed(atlas, "toy")["hash"]


def own_kernel(atlas) -> Record:
    """The record of a single run of a notebook that names torch; all that it started has ended."""
    atlas.paper("toy", "# torch", DRAWS, bib=False)
    process = subprocess.Popen([sys.executable, "-m", "vlatlas.cli", "reproduce", "toy"], stderr=subprocess.PIPE, text=True)
    assert process.wait(120) == 0, process.stderr.read()
    process.stderr.close()
    parent = int(printed(atlas, "toy")["hash"].split()[2])
    assert parent != process.pid and not psutil.pid_exists(parent), "the kernel's parent is a nursery that has ended"
    return Record.read(atlas.root / "_build/runs/cpu/toy/record.json")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_single_run_leaves_nobody_behind(make_atlas, number):
    atlas = make_atlas()
    atlas.paper(
        "toy", "# torch\nimport os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))", "import time\ntime.sleep(300)"
    )
    process = subprocess.Popen([sys.executable, "-m", "vlatlas.cli", "reproduce", "toy"], stderr=subprocess.DEVNULL)
    kernel = psutil.Process(started(atlas))
    nursery_ = kernel.parent()
    assert nursery_.pid != process.pid
    process.send_signal(number)
    assert process.wait(60) == (-9 if number == signal.SIGKILL else 128 + number)
    _, alive = psutil.wait_procs([kernel, nursery_], timeout=20)
    assert not alive


def fixed_hash() -> int:
    """Of the word, where strings hash as in a kernel of ours."""
    code = "print(hash('a word'))"
    return int(subprocess.check_output([sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": "0"}))


def test_the_end_of_a_runner_is_told_as_popen_tells_it(make_atlas, warm):
    atlas = make_atlas()
    atlas.paper("toy", "raise RuntimeError('on purpose')")
    assert asked(warm, "list")[0] == 0
    assert asked(warm, "show", "nothing")[0] == 2
    status, output = asked(warm, "reproduce", "toy")
    assert status == 1 and "on purpose" in output


def test_waiting_without_a_limit(warm):
    with tempfile.TemporaryFile() as output:
        assert warm.runner(["list"], dict(os.environ), output).wait() == 0


def sleeping(make_atlas, warm):
    """A runner whose kernel sleeps, and that kernel."""
    atlas = make_atlas()
    atlas.paper("toy", "import os, pathlib\npathlib.Path('pid').write_text(str(os.getpid()))", "import time\ntime.sleep(300)")
    runner = warm.runner(["reproduce", "toy"], dict(os.environ), tempfile.TemporaryFile())
    return atlas, runner, psutil.Process(started(atlas))


def started(atlas) -> int:
    """The number that a notebook of these tests writes once it runs: its kernel's process."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for found in (atlas.root / "_build/runs/.staging").glob("*/pid"):
            if found.read_text():
                return int(found.read_text())
        time.sleep(0.05)
    raise AssertionError("no kernel started")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_kernel_goes_with_its_runner(make_atlas, warm, number):
    _, runner, kernel = sleeping(make_atlas, warm)
    runner.send_signal(number)
    assert runner.wait(60) == (-9 if number == signal.SIGKILL else 128 + number)
    psutil.wait_procs([kernel], timeout=20)
    assert not kernel.is_running()
    runner.kill()  # of what has ended: nothing happens
    assert asked(warm, "list")[0] == 0, "the nursery serves on"


def test_a_nursery_that_dies_takes_everybody_along_and_says_so(make_atlas):
    with Warmth() as warm:
        atlas, runner, kernel = sleeping(make_atlas, warm)
        process = psutil.Process(runner.pid)
        warm.process.kill()
        assert runner.wait(60) == -signal.SIGKILL
        gone, alive = psutil.wait_procs([process, kernel], timeout=20)
        assert not alive
        with pytest.raises(RunError, match="does not serve"):
            warm.runner(["list"], dict(os.environ), tempfile.TemporaryFile())
    atlas.paper("toy", "pass", atlas.MEASURE, bib=False)
    done = subprocess.run([sys.executable, "-m", "vlatlas.cli", "reproduce", "toy"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_nursery_that_was_not_needed_is_gone_at_once():
    with Warmth() as warm:
        pass
    assert warm.process.returncode == -signal.SIGKILL and not warm.folder.exists()


@pytest.mark.parametrize(
    "request_",
    [b"{}\n", b"[]\n", b"no json\n", b'{"kind": "shell", "arguments": [], "env": {}, "cwd": "/"}\n', b'{"kind": "kernel"', b""],
)
def test_a_request_that_is_none_is_refused_and_harms_nobody(warm, request_):
    with socket.socket(socket.AF_UNIX) as connection, open(os.devnull, "w") as nothing:
        connection.connect(warm.path)
        if request_:
            socket.send_fds(connection, [request_], [nothing.fileno()] * 2)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(20)
        assert "error" in json.loads(connection.recv(4096))
    assert asked(warm, "list")[0] == 0


def test_the_socket_is_private_and_unknown_to_notebooks(warm, tmp_path):
    from vlatlas.repro.execution import kernel_environment

    assert os.stat(warm.folder).st_mode & 0o077 == 0
    os.environ[SOCKET] = warm.path
    try:
        assert SOCKET not in kernel_environment(tmp_path, tmp_path, offline=True)
    finally:
        del os.environ[SOCKET]


def test_a_socket_that_is_none_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(RunError, match="run it again"):
        Nursling(str(tmp_path / "none"), "runner", [], {}, "/", sys.__stdout__, sys.__stdout__)


def test_every_library_of_the_nursery_is_one_that_is_installed():
    for library in nursery.LIBRARIES:
        __import__(library)


def test_who_asks_and_leaves_at_once_leaves_no_child_and_no_open_descriptor(warm):
    process = psutil.Process(warm.process.pid)

    def held() -> tuple[int, int]:
        return len(process.children()), process.num_fds()

    def settled() -> tuple[int, int]:
        """What it holds once three looks in a row found the same and no child."""
        looks, deadline = [held()], time.monotonic() + 30
        while (looks[-1][0] or looks[-3:] != [looks[-1]] * 3) and time.monotonic() < deadline:
            time.sleep(0.1)
            looks.append(held())
        return looks[-1]

    asked(warm, "list")
    before = settled()
    with open(os.devnull, "w") as nothing:
        for line in (b'{"kind": "runner", "arguments": ["list"], "env": {}, "cwd": "/"}\n', b"no json\n"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(warm.path)
                socket.send_fds(connection, [line], [nothing.fileno()] * 2)
    assert asked(warm, "list")[0] == 0, "it answers in turn, so both requests have been seen by now"
    assert settled() == before == (0, before[1])
