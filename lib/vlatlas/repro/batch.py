"""Many papers: one after the other, several at a time, or on a Dask cluster. Each run is the one-paper
command."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from .errors import UsageError
from .kernel import die_with_parent
from .nursling import Warmth

POLL_S = 0.1


def command(slug: str, options: list[str]) -> list[str]:
    """The command line that runs one paper in a process of its own."""
    return [sys.executable, "-m", "vlatlas.cli", "reproduce", slug, *options]


def run_local(slugs: list[str], options: list[str], jobs: int, root: Path, say: Callable[[str], None]) -> dict[str, int]:
    """Run papers in at most `jobs` processes; print each one's output when it ends. Returns slug -> exit
    status.

    SIGINT and SIGTERM are passed on to the runs; those that had not begun get no status.
    """
    waiting, running, done = list(slugs), {}, {}
    env = os.environ | {"VLATLAS_ROOT": str(root)}
    seen: list[int] = []
    with _noted(seen), _starter(env) as start:
        while running or (waiting and not seen):
            while waiting and len(running) < jobs and not seen:
                slug = waiting.pop(0)
                output = tempfile.TemporaryFile()
                running[slug] = output, start(slug, options, output)
                say(f"{slug}: started ({len(done) + len(running)} of {len(slugs)})")
            for slug, (output, process) in list(running.items()):
                if process.poll() is not None:
                    done[slug] = process.returncode
                    output.seek(0)
                    say(output.read().decode("utf-8", "replace").rstrip() + "\n")
                    output.close()
                    del running[slug]
                elif seen:
                    process.send_signal(seen[0])
            time.sleep(POLL_S)
    if seen:
        raise Interrupted(seen[0])
    return done


@contextlib.contextmanager
def _starter(env: dict[str, str]) -> Iterator[Callable]:
    """(slug, options, output) -> a process that runs the paper: forked from a warm one where that is possible."""
    if Warmth.possible:
        with Warmth() as warm:
            yield lambda slug, options, output: warm.runner(["reproduce", slug, *options], env, output)
        return

    def cold(slug: str, options: list[str], output) -> subprocess.Popen:
        bond = partial(die_with_parent, os.getpid(), signal.SIGTERM)
        return subprocess.Popen(
            command(slug, options), stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, start_new_session=True,
            preexec_fn=bond,
        )  # fmt: skip

    yield cold


class Interrupted(Exception):
    """The batch was stopped by a signal; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def _noted(seen: list[int]) -> Iterator[None]:
    before = {s: signal.signal(s, lambda n, _: seen.append(n)) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_one(slug: str, options: list[str], root: str) -> tuple[int, str]:
    """What a Dask worker does; its machine must see the same checkout."""
    env = os.environ | {"VLATLAS_ROOT": root}
    done = subprocess.run(
        command(slug, options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=env,
    )
    return done.returncode, done.stdout.decode("utf-8", "replace").rstrip()


def run_dask(slugs: list[str], options: list[str], jobs: int, address: str | None, root: Path,
             say: Callable[[str], None]) -> dict[str, int]:  # fmt: skip
    """As `run_local`, on the Dask scheduler at `address`, or on a local cluster of `jobs` workers.

    Raises:
        UsageError: dask.distributed is not installed, or the scheduler does not answer.
    """
    try:
        from distributed import Client, LocalCluster, as_completed
    except ImportError:
        raise UsageError("--executor dask needs dask.distributed; install it with: pip install 'vlatlas[dask]'") from None
    done: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        try:
            target = address or stack.enter_context(LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None))
            client = stack.enter_context(Client(target, timeout=15))
        except (OSError, ValueError, TimeoutError) as error:
            raise UsageError(f"no Dask scheduler at {ascii(address)} ({type(error).__name__})") from None
        futures = {client.submit(_run_one, slug, options, str(root), pure=False): slug for slug in slugs}
        for future in as_completed(futures):
            slug = futures[future]
            done[slug], output = future.result()
            say(output + "\n")
    return done
