"""Two clean clones give the same numbers: python tests/trust/clones.py [PAPER ...]

Clones the repository twice, runs the papers (default: all) in the smoke profile in each with this interpreter, and compares
every metric bit for bit, except those whose page states a tolerance (seconds and ratios of seconds). Also with a hash seed
of Python's own choosing in the second clone. Exit status 1 if a number differs.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.verify import tolerance_of


def clone(target: Path) -> None:
    """The committed state, nothing else."""
    subprocess.run(["git", "clone", "--quiet", "--local", str(paths.root()), str(target)], check=True)


def measure(where: Path, slugs: list[str], profile: str, **environment: str) -> dict[str, dict]:
    """slug -> metrics of a fresh run in a clone, with the clone's own library."""
    env = os.environ | {"PYTHONPATH": str(where / "lib"), "VLATLAS_ROOT": str(where)} | environment
    command = [sys.executable, "-m", "vlatlas.cli", "reproduce", *slugs, "--profile", profile, "--device", "cpu", "--force"]
    subprocess.run(command, check=True, env=env, cwd=where, stdout=subprocess.DEVNULL)
    records = {slug: json.loads((where / "_build/runs" / profile / slug / "record.json").read_text()) for slug in slugs}
    return {slug: {name: entry["values"] for name, entry in r["metrics"].items()} for slug, r in records.items()}


def timed(name: str, tolerances: dict[str, float]) -> bool:
    """Does the page state a tolerance of its own for this metric?"""
    return tolerance_of(name, tolerances | {"default": -1.0}) >= 0


def main(slugs: list[str], profile: str = "smoke") -> int:
    """Print one line for each paper."""
    found = catalogue.load()
    slugs = slugs or [p.slug for p in found.papers.values() if p.status == "notebook"]
    with tempfile.TemporaryDirectory(prefix="vlatlas-clones-") as folder:
        first, second = Path(folder, "one"), Path(folder, "two")
        for place in (first, second):
            clone(place)
        a, b = measure(first, slugs, profile, PYTHONHASHSEED="1"), measure(second, slugs, profile, PYTHONHASHSEED="2")
        status = 0
        for slug in slugs:
            tolerances = found[slug].data["tolerances"]
            exact = [name for name in a[slug] if not timed(name, tolerances)]
            differ = [name for name in exact if a[slug][name] != b[slug].get(name)]
            print(f"{slug}: {len(exact) - len(differ)} of {len(exact)} metrics are the same to the last bit")
            for name in differ:
                print(f"  {name}: {a[slug][name]} and {b[slug].get(name)}")
            status |= bool(differ) or a[slug].keys() != b[slug].keys()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
