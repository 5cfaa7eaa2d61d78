"""Processes from the nursery, handled like those of subprocess.Popen."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import RunError

SOCKET = "VLATLAS_NURSERY"  # in a runner's environment: where to ask for its kernel
LONGEST_S = 3600.0  # a system call takes no wait of years
START_S = 300.0  # a busy machine imports slowly


class Nursling:
    """A process forked by the nursery: pid, returncode, poll, wait, send_signal, terminate, kill as of a Popen.

    Raises:
        RunError: the nursery is gone, or refuses.
    """

    stdin = stdout = stderr = None

    def __init__(self, path: str, kind: str, arguments: list[str], env: dict[str, str], cwd: str, stdout, stderr):
        self.returncode: int | None = None
        self._heard = b""
        self._connection = socket.socket(socket.AF_UNIX)
        request = json.dumps({"kind": kind, "arguments": arguments, "env": env, "cwd": cwd}).encode() + b"\n"
        try:
            self._connection.settimeout(START_S)
            self._connection.connect(path)
            sent = socket.send_fds(self._connection, [request[:60_000]], [stdout.fileno(), stderr.fileno()])
            self._connection.sendall(request[sent:])
            answer = self._listen(START_S) or {"error": "no answer"}
        except OSError as error:
            answer = {"error": str(error)}
        if "pid" not in answer:
            self._connection.close()
            raise RunError(f"the process that keeps kernels warm does not serve ({answer.get('error')}); run it again")
        self.pid: int = answer["pid"]

    def _listen(self, seconds: float) -> dict | None:
        """The next line, or None if there is none within these seconds; a nursery that died reports a killed child."""
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as watch:
            watch.register(self._connection, selectors.EVENT_READ)
            while b"\n" not in self._heard:
                left = end - time.monotonic()
                if not watch.select(min(max(0.0, left), LONGEST_S)):
                    if left > LONGEST_S:
                        continue
                    return None
                try:
                    more = self._connection.recv(4096)
                except ConnectionError:
                    more = b""
                if not more:
                    return {"status": -int(signal.SIGKILL), "error": "it has died"}
                self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    def poll(self) -> int | None:
        """The exit status (negative: the signal), None while it runs."""
        return self._settle(0.0)

    def _settle(self, seconds: float) -> int | None:
        if self.returncode is None and (said := self._listen(seconds)):
            self.returncode = said["status"]
            self._connection.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Block until it has ended. Raises subprocess.TimeoutExpired."""
        if self._settle(1e9 if timeout is None else timeout) is None:
            raise subprocess.TimeoutExpired("a process of the nursery", timeout)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """To a process that has ended: nothing."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warmth:
    """A nursery for the length of a batch, or of one run (alone), as a context manager; `path` is its socket. Linux only:
    elsewhere a process that has loaded these libraries cannot be forked safely."""

    possible = sys.platform == "linux"

    def __init__(self, alone: bool = False):
        self.loads = ["kernel"] * alone
        self.env = os.environ | {"PYTHONHASHSEED": "0"}  # fixed when an interpreter starts
        self.asked = False

    def __enter__(self) -> "Warmth":
        self.folder = Path(tempfile.mkdtemp(prefix="vlatlas-"))
        self.path = str(self.folder / "n")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "vlatlas.repro.nursery", self.path, *self.loads],
            stdin=subprocess.PIPE, env=self.env, start_new_session=True,
        )  # fmt: skip
        end = time.monotonic() + START_S
        while not os.path.exists(self.path):  # it listens before it imports anything slow
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise RunError("the process that keeps kernels warm did not start; its output above says why; then run it again")
            time.sleep(0.01)
        return self

    def runner(self, arguments: list[str], env: dict[str, str], output) -> Nursling:
        """A command line of ours in a process of its own; what it prints goes to the file `output`."""
        self.asked = True
        return Nursling(self.path, "runner", arguments, env | {SOCKET: self.path}, os.getcwd(), output, output)

    def __exit__(self, *exception) -> None:
        self.process.stdin.close()
        if not self.asked:  # it may still be importing
            self.process.kill()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def kernels_from_a_nursery(notebooks: list[Path]) -> Iterator[None]:
    """For as long as it lasts, kernels that this process starts are forked from a warm one, if that is possible and pays:
    for several notebooks, or for one that names torch, whose import then goes on beside the runner's own start."""
    alone = len(notebooks) == 1
    pays = not alone or b"torch" in notebooks[0].read_bytes()
    if not pays or not Warmth.possible or os.environ.get(SOCKET):
        yield
        return
    with Warmth(alone) as warm:
        warm.asked, os.environ[SOCKET] = True, warm.path
        try:
            yield
        finally:
            del os.environ[SOCKET]
