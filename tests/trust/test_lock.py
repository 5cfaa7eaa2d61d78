"""The lock is complete: an install with hashes required and nothing resolved beyond it finds every package."""

import re
from importlib import metadata

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from vlatlas import paths

ROOT = paths.root()


def entries() -> dict[str, tuple[Requirement, list[str]]]:
    """Every pinned package of the lock and its hashes."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            requirement = Requirement(line.split("--hash=")[0].strip())
            name = canonicalize_name(requirement.name)
            found.setdefault(name, []).append((requirement, re.findall(r"--hash=(\S+)", line)))
    return found


LOCK = entries()
HERE = default_environment()


def applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate(HERE | {"extra": extra})


def test_every_line_pins_one_version_with_hashes_of_sha256():
    assert len(LOCK) > 100
    for name, rows in LOCK.items():
        for requirement, hashes in rows:
            (pin,) = requirement.specifier
            assert pin.operator == "==" and not pin.version.endswith("*"), name
            assert hashes and all(re.fullmatch(r"sha256:[0-9a-f]{64}", h) for h in hashes), name
            assert requirement.url is None, f"{name} comes from an address, not from the index"


def test_no_requirement_leads_out_of_the_lock():
    """From pyproject.toml's own requirements, through what the installed packages ask for: every step is pinned, at a
    version that satisfies whoever asks."""
    own = [Requirement(r) for r in metadata.requires("vlatlas")]
    todo = [(r, "vlatlas") for r in own if applies(r) or any(applies(r, e) for e in ("dev", "book", "test", "dask", "captions"))]
    seen = set()
    while todo:
        requirement, asker = todo.pop()
        name = canonicalize_name(requirement.name)
        if name == "vlatlas":
            continue
        rows = [r for r, _ in LOCK.get(name, []) if applies(r)]
        assert rows, f"{asker} asks for {name}, which the lock does not pin; run: make lock"
        version = next(iter(rows[0].specifier)).version
        assert requirement.specifier.contains(version, prereleases=True), f"{asker} asks for {requirement}; locked is {version}"
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            asked = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            pytest.fail(f"{name} is locked for this platform but not installed; run: make setup")
        extras = ["", *requirement.extras]
        todo += [(r, name) for r in map(Requirement, asked) if any(applies(r, e) for e in extras)]
    assert len(seen) > 80


def test_what_is_installed_is_what_is_locked():
    for name, rows in LOCK.items():
        for requirement, _ in rows:
            if applies(requirement):
                assert metadata.version(name) == next(iter(requirement.specifier)).version, f"{name}; run: make setup"


def test_setup_installs_from_the_lock_alone():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    installs = [line for line in text.splitlines() if "pip install" in line]
    assert installs and all("--require-hashes -r requirements.lock" in x or "--no-deps" in x for x in installs)
