"""`python -m vlatlas.repro.nursery SOCKET [kernel]`: a process that has everything slow imported, and forks runners and kernels.

A batch starts one; so does a single run, which goes on reading and importing meanwhile (`kernel`: no more is imported than
that one kernel needs). Each paper still gets a runner and a kernel of its own, with nothing in them but libraries: no data, no
random numbers drawn, no module of this package that a notebook could have changed. The nursery ends when its standard input
is closed, its runners being asked to stop (SIGTERM) before that; a kernel dies with the runner that asked for it.
"""

import contextlib
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import traceback

from .kernel import die_with_parent

# What a cold start spends its time on; torch.optim imports _dynamo with the first optimizer.
KERNEL = (
    "ipykernel.kernelapp", "ipykernel.zmqshell", "numpy", "torch", "matplotlib.figure", "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg", "psutil",
)  # fmt: skip
LIBRARIES = (*KERNEL, "torch._dynamo", "papermill", "nbformat")
GONE = {"kernel": signal.SIGKILL, "runner": signal.SIGTERM}  # what a child gets when nobody listens to it any more
MAX_REQUEST = 4_000_000  # bytes: arguments and environment


def work(kind: str, arguments: list[str]) -> int:
    """What a child is for: a notebook kernel, or the command line."""
    sys.argv = ["vlatlas", *arguments]
    if kind == "kernel":
        from . import kernel

        kernel.main()
        return 0
    from .. import cli

    return cli.main(arguments)


class Nursery:
    """Listens on a Unix socket. A request is one line of JSON (kind, arguments, env, cwd) with the descriptors for standard
    output and error; the answers are {"pid": ...} at once and {"status": ...} at the end. Whoever asked keeps the
    connection open for as long as the child is to live."""

    def __init__(self, path: str):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{path}.new")
        self.listener.listen(64)
        os.rename(f"{path}.new", path)  # whoever sees it can connect
        self.born: dict[int, tuple[str, socket.socket]] = {}  # pid -> kind, connection
        self.closing = False
        self.woken, waker = socket.socketpair()
        for end in (self.woken, waker):
            end.setblocking(False)
        self.waker = waker
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)

    def serve(self) -> None:
        """Until standard input is closed and every child has ended."""
        with selectors.DefaultSelector() as watch:
            self.watch = watch
            for source in (self.listener, self.woken, sys.stdin):
                watch.register(source, selectors.EVENT_READ)
            while self.born or not self.closing:
                for key, _ in watch.select():
                    if key.fileobj is self.listener:
                        self._answer()
                    elif key.fileobj is self.woken:
                        self._reap()
                    elif key.fileobj is sys.stdin:
                        self._close()
                    elif not self._said(key.fileobj):
                        self._lost(key.fileobj)

    def _answer(self) -> None:
        connection, _ = self.listener.accept()
        connection.settimeout(10)
        descriptors: list[int] = []
        try:
            request, descriptors = receive(connection)
            if request["kind"] not in GONE:
                raise ValueError(f"nothing of kind {request['kind']!r} is raised here")
            pid = os.fork()
            if pid == 0:
                self._be_born(request, descriptors, connection)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _tell(connection, error=f"{type(error).__name__}: {error}")
            connection.close()
        else:  # if the one who asked has gone meanwhile, the closed connection says so
            self.born[pid] = request["kind"], connection
            self.watch.register(connection, selectors.EVENT_READ)
            _tell(connection, pid=pid)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _be_born(self, request: dict, descriptors: list[int], own: socket.socket) -> None:
        """In the child: become what was asked for. Never returns."""
        status = 1
        try:
            nursery = os.getppid()
            die_with_parent(nursery, GONE[request["kind"]])
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self.watch.close()
            for connection in (own, self.listener, self.woken, self.waker, *(c for _, c in self.born.values())):
                connection.close()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for descriptor, standard in zip((nothing, *descriptors), (0, 1, 2), strict=True):
                os.dup2(descriptor, standard)
            os.environ.clear()
            os.environ |= request["env"] | {"JPY_PARENT_PID": str(nursery)}
            os.chdir(request["cwd"])
            sys.path[0] = os.getcwd()
            _as_if_fresh()
            status = work(request["kind"], request["arguments"])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self.woken.recv(4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            _, connection = self.born.pop(pid)
            _tell(connection, status=os.waitstatus_to_exitcode(status))
            with contextlib.suppress(KeyError):
                self.watch.unregister(connection)
            connection.close()

    def _said(self, connection: socket.socket) -> bool:
        try:
            return bool(connection.recv(1))
        except OSError:
            return False

    def _lost(self, connection: socket.socket) -> None:
        """Nobody listens to a child any more."""
        self.watch.unregister(connection)
        for pid, (kind, c) in self.born.items():
            if c is connection:
                os.kill(pid, GONE[kind])  # not yet reaped, so the number is still its own

    def _close(self) -> None:
        self.closing = True
        self.watch.unregister(sys.stdin)
        for pid, (kind, _) in self.born.items():
            if kind == "runner":  # kernels go with their runners
                os.kill(pid, GONE[kind])


def _as_if_fresh() -> None:
    """What a library took from the environment or from chance when it was imported is taken anew."""
    import matplotlib
    import numpy
    import torch

    if backend := os.environ.get("MPLBACKEND"):
        matplotlib.rcParams["backend"] = backend
    random.seed()
    numpy.random.seed()
    torch.seed()


def _tell(connection: socket.socket, **said) -> None:
    """A line of JSON, to whoever still listens."""
    with contextlib.suppress(OSError):
        connection.sendall(json.dumps(said).encode() + b"\n")


def receive(connection: socket.socket) -> tuple[dict, list[int]]:
    """A request and its descriptors. Raises ValueError for anything but one line of JSON of at most MAX_REQUEST bytes."""
    data, descriptors, _, _ = socket.recv_fds(connection, 65536, 2)
    while not data.endswith(b"\n") and len(data) <= MAX_REQUEST:
        more = connection.recv(65536)
        if not more:
            break
        data += more
    try:
        if not data.endswith(b"\n") or len(descriptors) != 2:
            raise ValueError("a request is one line of JSON with two descriptors")
        return json.loads(data), list(descriptors)
    except ValueError:
        for descriptor in descriptors:
            os.close(descriptor)
        raise


def main() -> None:
    """Listen first, so that requests queue up while the libraries are being imported."""
    nursery = Nursery(sys.argv[1])
    for library in KERNEL if sys.argv[2:] == ["kernel"] else LIBRARIES:
        importlib.import_module(library)
    nursery.serve()


if __name__ == "__main__":
    main()
