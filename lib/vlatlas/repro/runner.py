"""Run a paper's notebook, judge what it measured, and publish the result in one step; or reuse what is
unchanged."""

import contextlib
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .. import paths
from . import atomic, catalogue
from .claims import judge, paper_verdict
from .digests import PARTS, Inputs
from .errors import RunError
from .jobs import Job, check_slug, plan
from .records import SCHEMA, Record, RecordError, seal
from .workspace import Workspace, now, read_json

NOTEBOOK, RECORD, LOG = "reproduce.ipynb", "record.json", "log.txt"
MAX_METRICS_BYTES = 10_000_000


@dataclass
class RunResult:
    """`status`: done, reused, failed or interrupted. `exit_status` is what the command returns for it."""

    slug: str
    profile: str
    status: str
    record: Record | None = None
    folder: Path | None = None
    failure: object = None  # execution.Failure
    signal: int | None = None
    changed: tuple[str, ...] = ()

    @property
    def exit_status(self) -> int:
        if self.status == "interrupted":
            return 128 + (self.signal or 2)
        if self.status == "failed":
            return 1
        return 1 if any(row.get("problem") for row in (*self.record.claims, *self.record.controls)) else 0


def reproduce(
    slug: str,
    profile: str = "cpu",
    seeds: list[int] | None = None,
    device: str = "auto",
    parameters: dict | None = None,
    force: bool = False,
    timeout: float | None = None,
    root: Path | None = None,
    say: Callable[[str], None] = print,
) -> RunResult:
    """Run one paper, or reuse its last run if nothing it depends on has changed.

    Raises:
        UsageError: the request makes no sense (nothing was touched).
        RunError: the checkout does not allow a run.
    """
    found = catalogue.load(root)
    paper = check_slug(slug, found)
    job = plan(paper, profile, seeds, device, parameters, timeout, force)
    return run_job(job, say)


def run_job(job: Job, say: Callable[[str], None] = print) -> RunResult:
    """Run or reuse one checked job. `say` gets the lines meant for the terminal while it goes on."""
    paper = job.paper
    if paper.data is None:
        raise RunError(f"{paper.slug}: its page is not valid; see: vlatlas check")
    workspace = Workspace(paper.root)

    def waiting(holder: str) -> None:
        say(f"{job.slug} ({job.profile}) is being run by {holder}; waiting for it")

    try:
        with workspace.lock(job.profile, job.slug, waiting):
            workspace.sweep()
            previous, changed = _previous(job, workspace)
            if previous and not changed and not job.force:
                return _reuse(job, workspace, previous)
            with workspace.stage(job.profile, job.slug) as stage:
                return _run(job, workspace, stage, tuple(changed), say)
    except OSError as error:
        where = paths.relative(Path(error.filename), paper.root) if error.filename else workspace.runs
        raise RunError(
            f"{job.slug}: cannot write {where}: {error.strerror or error}; "
            "free space or give write access, then run again (the last finished run is as it was)"
        ) from error


def rerun(job: Job, scratch: Path, say: Callable[[str], None]) -> Record:
    """Run a job with `scratch` in place of `_build/runs` and publish nothing. Raises RunError if it fails."""
    from .summary import describe

    workspace = Workspace(job.paper.root)
    workspace.runs = scratch
    with workspace.stage(job.profile, job.slug) as stage:
        result = _run(job, workspace, stage, (), say)
    if result.record is None:
        raise RunError(describe(result, job.paper.root))
    return result.record


def _previous(job: Job, workspace: Workspace) -> tuple[Record | None, list[str]]:
    """The last finished run, and which of its inputs have changed since (or what is wrong with it)."""
    folder = workspace.link(job.profile, job.slug)
    if not (folder / RECORD).exists():
        return None, []
    try:
        record = Record.read(folder / RECORD)
    except (RecordError, OSError):
        return None, ["record damaged"]
    figures = record["figures"]
    intact = (
        record.sealed
        and (folder / NOTEBOOK).is_file()
        and all((folder / name).is_file() and file_digest(folder / name) == figures[name] for name in figures)
    )
    if not intact:
        return record, ["record damaged"]
    extra = record["provenance"].get("modules") or []
    digests = Inputs.read(job.paper.notebook, job.parameters, extra=extra).digests()
    return record, [part for part in PARTS if digests[part] != record.digests[part]]


def _reuse(job: Job, workspace: Workspace, record: Record) -> RunResult:
    judged = record.rejudged(job.paper.data["claims"], job.paper.data["controls"])
    if judged.data != record.data:  # the page's claims were edited; the measurements stand
        judged.write(record.path)
    return RunResult(job.slug, job.profile, "reused", judged, workspace.link(job.profile, job.slug))


def _run(job: Job, workspace: Workspace, stage: Path, changed: tuple, say) -> RunResult:
    from .nursling import kernels_from_a_nursery

    with kernels_from_a_nursery([job.paper.notebook]):
        return _execute(job, workspace, stage, changed)


def _execute(job: Job, workspace: Workspace, stage: Path, changed: tuple) -> RunResult:
    from .execution import Run, execute, kernel_environment

    inputs = Inputs.read(job.paper.notebook, job.parameters)
    inputs.freeze()
    atomic.write_json(stage / "job.json", {"slug": job.slug, "parameters": job.parameters})
    notebook = stage / "input.ipynb"
    notebook.write_bytes(job.paper.notebook.read_bytes())
    commit = git_commit(job.paper.root)
    started, begin = now(), time.monotonic()
    run = Run(stage, kernel_environment(stage, job.paper.root, offline=job.profile != "full"), stage / LOG)
    run.write_log(f"{job.slug} {json.dumps(job.parameters)} started {started}\n")
    try:
        failure = execute(run, notebook, stage / NOTEBOOK, job.parameters, job.timeout, job.slug)
    finally:
        run.close()
    elapsed = time.monotonic() - begin
    if failure is None:
        failure = _missing_results(stage)
    if failure is not None:
        _append_kernel_log(stage)
        _scrub(stage / NOTEBOOK, job)
        folder = workspace.keep_failure(stage, job.profile, job.slug, [NOTEBOOK, LOG, "metrics.json"])
        status = "interrupted" if failure.kind == "signal" else "failed"
        return RunResult(job.slug, job.profile, status, None, folder, failure, failure.signal, changed)
    _scrub(stage / NOTEBOOK, job)
    measured = read_json(stage / "metrics.json")
    record = _record(job, inputs, measured, stage, commit, started, elapsed, run.peak_mb)
    record = record.write(stage / RECORD)
    files = [NOTEBOOK, RECORD, LOG, *record["figures"]]
    link = workspace.publish(stage, job.profile, job.slug, files)
    return RunResult(job.slug, job.profile, "done", Record(record.data, link / RECORD), link, changed=changed)


def _missing_results(stage: Path):
    from .execution import Failure

    path = stage / "metrics.json"
    try:
        if path.stat().st_size > MAX_METRICS_BYTES:
            return Failure("error", f"the notebook recorded more than {MAX_METRICS_BYTES} bytes; record summaries")
        measured = read_json(path)
        missing = [n for n in measured["figures"] if not (stage / n).is_file()]
        return Failure("error", f"the figures {', '.join(missing)} are gone") if missing else None
    except FileNotFoundError:
        return Failure("error", "every cell ran, but none called repro.record(...); make that the last call")
    except (ValueError, KeyError, TypeError) as error:
        return Failure("error", f"what the notebook recorded cannot be read ({error})")


def _record(job: Job, inputs: Inputs, measured: dict, stage: Path, commit: dict, started: str, elapsed: float,
            peak_mb: float) -> Record:  # fmt: skip
    inputs = inputs.with_modules(measured["modules"])
    data = {
        "schema": SCHEMA,
        "slug": job.slug,
        "profile": job.profile,
        "seeds": job.parameters["seeds"],
        "parameters": job.parameters,
        "metrics": measured["metrics"],
        "claims": [],
        "controls": [],
        "verdict": None,
        "figures": {name: file_digest(stage / name) for name in measured["figures"]},
        "started": started,
        "finished": now(),
        "provenance": {
            "device": measured["device"],
            "versions": measured["versions"],
            **commit,
            "used": measured["parameters"],
            "modules": inputs.modules,
            "digests": inputs.digests(),
        },
        "elapsed_s": round(elapsed, 2),
        "peak_memory_mb": round(max(peak_mb, measured["peak_memory_mb"]), 1),
    }
    data["claims"], data["controls"] = judge(job.paper.data["claims"], job.paper.data["controls"], data)
    data["verdict"] = None if job.profile == "smoke" else paper_verdict(data["claims"])
    data["provenance"]["digests"]["record"] = seal(data)
    return Record(data)


def file_digest(path: Path) -> str:
    """sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git_commit(root: Path) -> dict:
    """The checkout's commit, and whether tracked files differ from it (None outside git)."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(root), *arguments]
        env = os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            done = subprocess.run(command, capture_output=True, text=True, timeout=20, env=env)
            return done.stdout.strip() if done.returncode == 0 else None
        return None

    commit = git("rev-parse", "HEAD")
    status = git("status", "--porcelain", "--untracked-files=no") if commit else None
    return {"commit": commit, "modified": bool(status) if status is not None else None}


def _append_kernel_log(stage: Path) -> None:
    """Put the end of what the kernel's process printed on its own behind the run's log."""
    with contextlib.suppress(OSError):
        tail = (stage / "kernel.log").read_bytes()[-20_000:].decode("utf-8", "replace")
        if tail.strip():
            with open(stage / LOG, "a", encoding="utf-8") as log:
                log.write(f"\n--- the kernel's process ---\n{tail}")


def _scrub(notebook: Path, job: Job) -> None:
    """Take this machine's paths out of an executed notebook's metadata, and say what it is a run of."""
    try:
        data = read_json(notebook)
    except (OSError, ValueError):
        return  # nothing was executed, or the disk is full: the partial copy stays as it is
    papermill = data.get("metadata", {}).get("papermill", {})
    papermill["input_path"] = f"book/papers/{job.slug}/{NOTEBOOK}"
    papermill.pop("output_path", None)
    data["metadata"]["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    atomic.write_text(notebook, json.dumps(data, indent=1, ensure_ascii=False) + "\n")
