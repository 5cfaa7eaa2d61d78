"""One notebook, run once: in a fresh kernel, watched for time, memory and signals, and never left behind."""

import contextlib
import os
import re
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from .nursling import SOCKET

SAMPLE_S = 0.25  # how often memory, time and signals are looked at
GRACE_S = 5.0  # from the interrupt that shows where a cell hangs to the kill
RAW_LIMIT = 200_000_000  # bytes that the kernel's process may print past the notebook
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Failure:
    """Why a notebook did not finish: `kind` is error, timeout, signal, dead or machine."""

    kind: str
    message: str
    cell: int | None = None  # counted from 1, text cells too, as in the stored notebook
    source: str = ""
    traceback: list[str] = field(default_factory=list)
    signal: int | None = None


class Run:
    """The state of one execution, shared between the thread that runs the cells and the one that watches."""

    def __init__(self, folder: Path, env: dict[str, str], log: Path):
        self.folder, self.env = folder, env
        self.kernel: psutil.Process | None = None  # knows its start time, so a recycled pid is not mistaken for it
        self.cell: int | None = None  # what is being executed, and its source
        self.source = ""
        self.printed: dict[int, int] = {}
        self.shown = self.logged = 0
        self.peak_mb = 0.0
        self.error: BaseException | None = None
        self.raw = open(folder / "kernel.log", "ab", buffering=0)
        self.log = open(log, "a", encoding="utf-8", errors="backslashreplace", buffering=1)
        self.log_limit = 50_000_000

    def write_log(self, text: str) -> None:
        """Append to the run's log, up to its limit."""
        if self.logged <= self.log_limit:
            self.log.write(text if self.logged + len(text) <= self.log_limit else "\n[the log ends here]\n")
        self.logged += len(text)

    def close(self) -> None:
        self.raw.close()
        with contextlib.suppress(OSError):  # a full disk: what was written so far is all there is
            self.log.close()

    def tree(self) -> list[psutil.Process]:
        """The kernel and its descendants that are alive; none before it has started."""
        if self.kernel is None:
            return []
        try:
            return [self.kernel, *self.kernel.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def started(self, pid: int) -> None:
        """Called once, with the kernel's process id."""
        self.kernel = psutil.Process(pid)

    def sample(self) -> None:
        """Note the resident memory of the kernel's process tree."""
        total = 0
        for process in self.tree():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_mb = max(self.peak_mb, total / 1e6)

    def interrupt(self) -> None:
        for process in self.tree()[:1]:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill the kernel and everything it started."""
        for process in reversed(self.tree()):
            with contextlib.suppress(psutil.Error):
                process.kill()


class Signals:
    """Notes SIGINT, SIGTERM and SIGHUP instead of dying of them; does nothing outside the main thread."""

    NOTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.seen: int | None = None

    def __enter__(self) -> "Signals":
        self.before = {}
        if threading.current_thread() is threading.main_thread():
            self.before = {s: signal.signal(s, self._note) for s in self.NOTED}
        return self

    def _note(self, number, frame) -> None:
        self.seen = self.seen or number

    def __exit__(self, *exception) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


def execute(run: Run, notebook: Path, output: Path, parameters: dict, timeout: float, title: str) -> Failure | None:
    """Run a notebook's cells with these parameters injected; write the executed copy to `output`.

    Returns None if every cell ran, else why not. The partial copy is at `output` in any case.
    """
    from papermill import execute_notebook

    from .engine import engine

    def work() -> None:
        try:
            execute_notebook(
                str(notebook),
                str(output),
                parameters=parameters,
                engine_name=engine(run),
                kernel_name="python3",
                language="python",
                progress_bar={"desc": title, "leave": False} if sys.stderr.isatty() else False,
            )
        except BaseException as error:
            run.error = error

    thread = threading.Thread(target=work, name=f"run {title}", daemon=True)
    stopped: Failure | None = None
    with Signals() as signals:
        begin = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(SAMPLE_S)
            run.sample()
            stopped = _reason_to_stop(run, signals, time.monotonic() - begin, timeout)
            if stopped:
                _stop(run, thread, gently=stopped.kind == "timeout")
                break
    run.kill()
    if thread.is_alive():  # the kernel is dead; the thread that talked to it is lost, and so is the run
        return stopped
    return _explain(run, stopped)


def _reason_to_stop(run: Run, signals: Signals, elapsed: float, timeout: float) -> Failure | None:
    if signals.seen:
        return Failure("signal", f"stopped by {signal.Signals(signals.seen).name}", signal=signals.seen)
    if elapsed > timeout:
        return Failure("timeout", f"the run passed its time limit of {timeout:g} s; give it more with --timeout SECONDS")
    if run.raw.tell() > RAW_LIMIT or (run.folder / "kernel.log").stat().st_size > RAW_LIMIT:
        return Failure("dead", f"the kernel's process printed more than {RAW_LIMIT // 10**6} MB past the notebook")
    return None


def _stop(run: Run, thread: threading.Thread, gently: bool) -> None:
    """End the kernel: if there is time, with an interrupt first, so that the traceback shows where it was."""
    if gently:
        run.interrupt()
        thread.join(GRACE_S)
    for _ in range(round(2 * GRACE_S / SAMPLE_S)):
        run.kill()  # again and again: the kernel may only just be starting
        thread.join(SAMPLE_S)
        if not thread.is_alive():
            return


def _explain(run: Run, stopped: Failure | None) -> Failure | None:
    """Why a run did not finish; None if it did, also when it was asked to stop just too late."""
    if run.error is None:
        return stopped if stopped and stopped.kind == "signal" else None
    found = _from_exception(run, run.error)
    if stopped is None:
        return found
    stopped.cell, stopped.source = found.cell, found.source
    stopped.traceback = found.traceback if found.kind == "error" else []
    return stopped


def _from_exception(run: Run, error: BaseException) -> Failure:
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, PapermillExecutionError):
        trace = [ANSI.sub("", line) for line in error.traceback]
        return Failure("error", f"{error.ename}: {error.evalue}".strip(), run.cell, run.source, trace)
    if isinstance(error, DeadKernelError) or "Kernel died" in str(error):
        return Failure("dead", f"the kernel died ({_last_words(run)})", run.cell, run.source)
    message = (str(error) or type(error).__name__).splitlines()[0]
    return Failure("machine", f"{type(error).__name__}: {message}", run.cell, run.source)


def _last_words(run: Run) -> str:
    """What a dead kernel's process said last, or what is most likely if it said nothing."""
    with contextlib.suppress(OSError):
        tail = (run.folder / "kernel.log").read_bytes()[-20_000:].decode("utf-8", "replace").strip().splitlines()
        fatal = [line for line in tail if line.startswith("Fatal")] or tail[-1:]
        if fatal:
            return fatal[0][:200]
    return f"no message; often out of memory: it held {run.peak_mb:.0f} MB"


def kernel_environment(folder: Path, root: Path, offline: bool) -> dict[str, str]:
    """The kernel's environment: ours, with the run's folder, no display and no startup files."""
    env = {name: value for name, value in os.environ.items() if name != SOCKET}
    env |= {
        "VLATLAS_RUN_DIR": str(folder),
        "VLATLAS_ROOT": str(root),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # needs no display; cells show figures
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "IPYTHONDIR": str(folder / ".ipython"),
        "JPY_PARENT_PID": str(os.getpid()),
    }
    if offline:
        env |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    return env
