"""Run mutated notebooks and keep what they measured: python tests/science/run.py [PAPER ...] [--force]

Without names, every finished paper whose outcome is missing or stale. Minutes each. Exit status 1: a claim survives the
loss of its paper's idea.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

from vlatlas.repro import catalogue
from vlatlas.repro.errors import RunError
from vlatlas.repro.jobs import plan
from vlatlas.repro.mutations import (
    PROFILE,
    Mutation,
    MutationError,
    declared,
    judged_on,
    keep,
    read_outcome,
    seeds_needed,
    surviving,
)
from vlatlas.repro.records import Record, RecordError
from vlatlas.repro.runner import rerun

HERE = Path(__file__).parent


@contextlib.contextmanager
def armed(mutation: Mutation):
    """The environment in which a kernel starts with the mutation applied."""
    before = dict(os.environ)
    path = os.pathsep.join([str(HERE / "startup"), *filter(None, [before.get("PYTHONPATH")])])
    os.environ |= {"PYTHONPATH": path, "VLATLAS_MUTATION": f"{mutation.file}::{mutation.name}"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def measure(mutation: Mutation, seeds: list[int], say=print) -> Record:
    """The record of one broken run. Raises RunError where the notebook breaks down altogether."""
    given = dict(mutation.paper.records[PROFILE]["parameters"])
    profile, _, device = (given.pop(name) for name in ("profile", "seeds", "device"))
    job = plan(mutation.paper, profile, seeds, device, given, force=True)
    with tempfile.TemporaryDirectory(prefix="vlatlas-mutation-") as scratch, armed(mutation):
        return rerun(job, Path(scratch), say)


def run(mutation: Mutation, say=print) -> None:
    """Run a mutation and write its outcome."""
    begin = time.monotonic()
    say(f"{mutation.paper.slug}: {mutation.says}")
    record = measure(mutation, seeds_needed(mutation.paper), say)
    keep(mutation, record, time.monotonic() - begin)


def report(mutations: list[Mutation], independent: dict[str, str], say=print) -> list[str]:
    """Print intact against broken verdicts; returns what survives."""
    paper = mutations[0].paper
    broken = [read_outcome(m) for m in mutations]
    for mutation, record in zip(mutations, broken, strict=True):
        intact = judged_on(paper, paper.records[PROFILE], record.seeds)
        verdicts = {c["id"]: c["verdict"] for c in record.claims}
        for claim in intact.claims:
            say(f"  {mutation.name}: {claim['id']}: {claim['verdict']} -> {verdicts.get(claim['id'])}")
        say(f"  {mutation.name}: the paper: {intact.verdict} -> {record.verdict}")
    return surviving(paper, broken, independent)


def fresh(mutation: Mutation) -> bool:
    """Is there an outcome that still holds?"""
    try:
        return bool(read_outcome(mutation))
    except (MutationError, RecordError):
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("papers", nargs="*", metavar="PAPER")
    parser.add_argument("--force", action="store_true", help="also where the outcome is fresh")
    given = parser.parse_args(arguments)
    found, status = catalogue.load(), 0
    finished = [p.slug for p in found.papers.values() if p.status == "notebook" and PROFILE in p.records]
    for slug in given.papers or finished:
        try:
            mutations, independent = declared(found[slug])
            for mutation in mutations:
                if given.force or not fresh(mutation):
                    run(mutation)
            survived = report(mutations, independent)
        except (MutationError, RunError, KeyError) as error:
            if "stopped by SIG" in str(error):
                raise  # whoever stops one run means all of them
            survived = [str(error)]
        for text in survived:
            print(f"{slug}: {text}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
