"""The folder of runs: a staging place for what is running, a store of finished runs, one link per paper and
profile.

    _build/runs/<profile>/<slug>          link to the last finished run
    _build/runs/.store/<profile>/<slug>/  finished runs (the last one, and the one before it)
    _build/runs/.staging/                 running now; what a dead process left is swept by the next call
    _build/runs/.failed/<profile>/<slug>/ partial notebook and log of the last run that failed
    _build/runs/.locks/                   one lock a paper and profile

A run becomes visible by replacing the link, one atomic step, after its files have reached the disk.
"""

import contextlib
import datetime
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from . import atomic

ALIVE = ".alive"  # a staging folder's lock file, held as long as its process lives


class Workspace:
    """The runs below one checkout."""

    def __init__(self, root: Path):
        self.runs = Path(root) / "_build" / "runs"

    def link(self, profile: str, slug: str) -> Path:
        return self.runs / profile / slug

    def failed(self, profile: str, slug: str) -> Path:
        return self.runs / ".failed" / profile / slug

    @contextlib.contextmanager
    def lock(self, profile: str, slug: str, waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the paper's lock; if another process has it, tell `waiting` who, and wait."""
        path = self.runs / ".locks" / f"{profile}.{slug}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                waiting(handle.read(200).strip() or "another process")
                fcntl.flock(handle, fcntl.LOCK_EX)
            handle.truncate(0)
            handle.write(f"process {os.getpid()} since {now()}")
            handle.flush()
            yield

    @contextlib.contextmanager
    def stage(self, profile: str, slug: str) -> Iterator[Path]:
        """A fresh folder for one run; removed at the end, whatever is left in it."""
        name = f"{slug}.{profile}.{os.getpid()}.{secrets.token_hex(3)}"
        folder, hidden = (self.runs / ".staging" / n for n in (name, f".{name}"))
        hidden.mkdir(parents=True)
        with open(hidden / ALIVE, "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            hidden.rename(folder)  # seen by a sweep only once it is locked
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Remove the staging folders of processes that died."""
        staging = self.runs / ".staging"
        for folder in staging.iterdir() if staging.is_dir() else ():
            if folder.name.startswith("."):
                continue
            with contextlib.suppress(OSError):
                with open(folder / ALIVE, "a") as handle:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)

    def publish(self, stage: Path, profile: str, slug: str, files: list[str]) -> Path:
        """Move the named files of a finished run into the store and point the link at them. Returns the
        link."""
        for path in stage.iterdir():
            if path.name not in files and path.name != ALIVE:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        link = self.link(profile, slug)
        if link.is_dir() and not link.is_symlink():  # a folder put here by hand
            link.rename(link.with_name(f".{slug}.{secrets.token_hex(3)}.old"))
        store = self.runs / ".store" / profile / slug
        target = store / f"{now().replace(':', '')}-{secrets.token_hex(3)}"
        store.mkdir(parents=True, exist_ok=True)
        atomic.sync_tree(stage)
        os.rename(stage, target)
        atomic.sync_folder(store)
        atomic.point(link, target)
        with contextlib.suppress(OSError):
            (target / ALIVE).unlink()
            self._prune(store, keep=target)
        return link

    def _prune(self, store: Path, keep: Path) -> None:
        """Keep the newest run beside the present one (a reader may still be in it); remove older ones."""
        others = sorted((p for p in store.iterdir() if p != keep), key=lambda p: p.stat().st_mtime_ns)
        for old in others[:-1]:
            shutil.rmtree(old, ignore_errors=True)

    def keep_failure(self, stage: Path, profile: str, slug: str, files: list[str]) -> Path:
        """Move the named partial files to the place of failures, in place of an earlier failure. Returns the
        folder."""
        folder = self.failed(profile, slug)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in files:
            if (stage / name).is_file():
                os.replace(stage / name, folder / name)
        return folder


def now() -> str:
    """The time in UTC, to the second: 2026-01-31T12:00:00Z."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_json(path: Path) -> dict:
    """A JSON object. Raises ValueError if the file holds none."""
    data = json.loads(path.read_bytes())
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no JSON object")
    return data
