"""`vlatlas doctor`: versions, device, space, what is missing and how to mend it."""

import os
import platform
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .. import paths
from .recording import device_name

EXTRAS = {"book": ("jupyter-book", "sphinx-exercise"), "test": ("pytest", "nbmake", "hypothesis", "ruff"),
          "dask": ("distributed",)}  # fmt: skip
FREE_GB = 2.0


@dataclass
class Finding:
    """One line of the report. `state`: ok, note (works without it) or bad (does not work)."""

    state: str
    what: str
    detail: str
    remedy: str = ""


def examine() -> list[Finding]:
    """Look at this machine. Imports torch (the only command of the CLI itself that does)."""
    return [_python(), *_packages(), _device(), *_checkout(), _kernel()]


def report(findings: list[Finding]) -> str:
    """The findings as lines."""
    size = max(len(f.what) for f in findings)
    mark = {"ok": "ok  ", "note": "note", "bad": "BAD "}
    rows = [
        f"{mark[f.state]}  {f.what.ljust(size)}  {f.detail}" + (f"\n      {'':{size}}  -> {f.remedy}" if f.remedy else "")
        for f in findings
    ]
    bad = sum(f.state == "bad" for f in findings)
    return "\n".join([*rows, "", f"{bad} to mend" if bad else "all that is needed is here"])


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < (3, 11):  # noqa: UP036  (a copied folder may run under any Python)
        return Finding("bad", "python", version, "install Python 3.11 or newer, then: make setup PYTHON=python3.11")
    return Finding("ok", "python", f"{version} ({sys.executable})")


def _requirements() -> dict[str, str]:
    """The package's own requirements, name -> specifier, extras left out; empty if it is not installed."""
    try:
        required = metadata.requires("vlatlas") or []
    except metadata.PackageNotFoundError:
        return {}
    plain = [r for r in required if "extra ==" not in r]
    return {re.match(r"[A-Za-z0-9._-]+", r)[0]: re.sub(r"^[A-Za-z0-9._-]+", "", r).strip() for r in plain}


def _packages() -> list[Finding]:
    wanted = _requirements()
    if not wanted:
        return [Finding("bad", "vlatlas", "not installed", "run: make setup")]
    found = [Finding("ok", "vlatlas", metadata.version("vlatlas"))]
    for name, specifier in wanted.items():
        version = _version(name)
        if version is None:
            found.append(Finding("bad", name, f"missing (needs {specifier or 'any version'})", "run: make setup"))
        elif not _fits(version, specifier):
            found.append(Finding("bad", name, f"{version}, where {specifier} is needed", "run: make setup"))
        else:
            found.append(Finding("ok", name, version))
    for extra, names in EXTRAS.items():
        missing = [n for n in names if _version(n) is None]
        if missing:
            remedy = f"make setup, or: pip install 'vlatlas[{extra}]'"
            found.append(Finding("note", f"extra {extra}", f"without {', '.join(missing)}", remedy))
        else:
            found.append(Finding("ok", f"extra {extra}", ", ".join(f"{n} {_version(n)}" for n in names)))
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(version: str, specifier: str) -> bool:
    """Does a version satisfy a specifier like `>=2.11,!=2.13.0`? Compared by its leading numbers."""
    have = _numbers(version)
    for operator, wanted in re.findall(r"(>=|<=|!=|==|<|>)\s*([0-9.]+)", specifier):
        need = _numbers(wanted)
        size = max(len(have), len(need))
        a, b = have + (0,) * (size - len(have)), need + (0,) * (size - len(need))
        if not {">=": a >= b, "<=": a <= b, "!=": a != b, "==": a == b, "<": a < b, ">": a > b}[operator]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.match(r"\d+(\.\d+)*", version)[0].split("."))


def _device() -> Finding:
    try:
        import torch
    except (ImportError, OSError) as error:
        return Finding("bad", "device", f"torch does not load: {error}", "run: make setup")
    name = device_name()
    if not torch.cuda.is_available() and Path("/dev/nvidiactl").exists():
        remedy = f"its driver may be too old for torch {torch.__version__}; runs use the CPU until then"
        return Finding("note", "device", f"{name}; there is an NVIDIA GPU that torch cannot use", remedy)
    return Finding("ok", "device", name)


def _checkout() -> list[Finding]:
    try:
        root = paths.root()
    except paths.NotACheckout as error:
        return [Finding("bad", "checkout", str(error))]
    found = [Finding("ok", "checkout", str(root))]
    free = shutil.disk_usage(root).free / 1e9
    detail = f"{free:.1f} GB free"
    if free < FREE_GB:
        found.append(Finding("bad", "disk", detail, f"free some: runs and the book need about {FREE_GB:g} GB"))
    else:
        found.append(Finding("ok", "disk", detail))
    build = root / "_build"
    target = build if build.is_dir() else root
    if os.access(target, os.W_OK):
        found.append(Finding("ok", "results", f"{build} can be written"))
    else:
        found.append(Finding("bad", "results", f"{target} cannot be written", f"run: chmod u+w {target}"))
    if shutil.which("git") is None:
        found.append(Finding("note", "git", "missing", "install git: records state the commit they were made from"))
    return found


def _kernel() -> Finding:
    """Notebooks talk to their kernel over Unix sockets in the temporary folder."""
    import socket

    try:
        with (
            tempfile.TemporaryDirectory(prefix="vlatlas-") as folder,
            socket.socket(socket.AF_UNIX) as server,
        ):
            server.bind(os.path.join(folder, "k-1"))
    except OSError as error:
        remedy = "set TMPDIR to a short, writable folder on a local disk"
        return Finding("bad", "kernel", f"no socket can be made in {tempfile.gettempdir()}: {error}", remedy)
    return Finding("ok", "kernel", f"{sys.executable} -m vlatlas.repro.kernel")
