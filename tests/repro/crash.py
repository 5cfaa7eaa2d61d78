"""A command of ours in a forked process that meets a fault at its n-th change of the file system.

Forked, not started: a hundred faults then cost seconds, so that every crash point is tried on every change.
"""

import builtins
import errno
import io
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ERRORS = {"disk full": errno.ENOSPC, "read-only": errno.EROFS, "bad disk": errno.EIO}
SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
FAULTS = (*SIGNALS, *ERRORS)
CHANGES = ("replace", "rename", "fsync", "unlink", "rmdir", "mkdir", "symlink", "chmod")
LIMIT_S = 60


@dataclass
class End:
    """How a command ended: `code` is its status, or minus the signal; `steps` the changes it made, if it got to its end."""

    code: int
    output: str
    steps: int | None


class Injector:
    """Counts changes of files, and strikes at the n-th."""

    def __init__(self, at: int, how: str):
        self.at, self.how, self.count = at, how, 0

    def strike(self) -> None:
        self.count += 1
        if self.count != self.at:
            return
        if self.how in SIGNALS:
            os.kill(os.getpid(), SIGNALS[self.how])
            time.sleep(LIMIT_S)  # the signal arrives here
        number = ERRORS[self.how]
        raise OSError(number, os.strerror(number), "somewhere")

    def before(self, function: Callable, changes: Callable = lambda *a: True) -> Callable:
        def wrapped(*a, **k):
            if changes(*a, *k.values()):
                self.strike()
            return function(*a, **k)

        return wrapped

    def arm(self) -> None:
        """Wrap what changes files, in this process, for good."""
        for name in CHANGES:
            setattr(os, name, self.before(getattr(os, name)))
        writes = self.before(io.open, lambda file, mode="r", *a: any(c in str(mode) for c in "wax"))
        io.open = builtins.open = writes
        os.open = self.before(os.open, lambda path, flags=0, *a: flags & (os.O_WRONLY | os.O_RDWR))


def crash(arguments: list[str], at: int, how: str, prepare: Callable = lambda: None) -> End:
    """Run `vlatlas ARGUMENTS` in a fork; `prepare` is called there first. `at` = 0 strikes never."""
    from vlatlas import cli
    from vlatlas.repro import commands, execution, keeping, runner, summary  # noqa: F401  imported before the counting begins

    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as steps:
        pid = os.fork()
        if pid == 0:
            status = 99
            try:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                sys.stdout = sys.stderr = output
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, signal.SIG_DFL)
                prepare()
                injector = Injector(at, how)
                injector.arm()
                status = cli.main(arguments)
                steps.write(str(injector.count))
                steps.flush()
            except BaseException:
                import traceback

                traceback.print_exc(file=output)
            finally:
                output.flush()
                os._exit(status)
        code = _wait(pid)
        output.seek(0)
        steps.seek(0)
        counted = steps.read()
        return End(code, output.read(), int(counted) if counted else None)


def _wait(pid: int) -> int:
    deadline = time.monotonic() + LIMIT_S
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise TimeoutError(f"the command hung for {LIMIT_S} s")
        time.sleep(0.005)


def every_point(
    arguments: list[str],
    how: str,
    kind: str,
    injected: Callable,
    whole: Callable,
    reset: Callable = lambda: None,
    prepare: Callable = lambda: None,
) -> int:
    """Strike at the first change, the second, ... until the command gets through; `whole()` after each, then `reset()`.

    Returns how many changes the command makes. `injected` is the fixture that counts faults.
    """
    at = 0
    while True:
        at += 1
        with injected(f"{kind}, at each change of a file: {how}"):
            end = crash(arguments, at, how, prepare)
            whole(end)
            if end.steps is not None and end.steps < at:
                assert end.code == 0, end.output
                return end.steps
            if how in SIGNALS:
                assert end.code == -SIGNALS[how], (end, at)
            elif end.code != 0:  # an error while tidying up does no harm and stops nothing
                assert end.code == 1 and "Traceback" not in end.output, end.output
                assert end.output.count("\n") == 1 and os.strerror(ERRORS[how]) in end.output, end.output
            reset()


def fake_kernel() -> None:
    """In place of a kernel: what a finished notebook leaves, with a gain of 3."""
    import json

    from vlatlas.repro import execution

    def execute(run, notebook: Path, output: Path, parameters, timeout, title):
        output.write_text(notebook.read_text())
        gain = {"values": [3.0] * 3, "mean": 3.0, "sd": 0.0}
        broken = {"values": [1.0], "mean": 1.0, "sd": None}
        (run.folder / "figure.svg").write_text("<svg>new</svg>")
        facts = {"figures": ["figure.svg"], "parameters": {}, "device": "cpu", "versions": {}}
        facts |= {"modules": [], "peak_memory_mb": 1, "metrics": {"gain": gain, "broken_gain": broken}}
        (run.folder / "metrics.json").write_text(json.dumps(facts))

    execution.execute = execute
