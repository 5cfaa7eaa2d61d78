"""No finished paper keeps its verdict without its idea. The broken runs are kept; `run.py` makes them anew."""

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.mutations import FOLDER, PROFILE, declared, read_outcome, surviving

ROOT = paths.root()
FOUND = catalogue.load(ROOT)
KEPT = sorted({p.name.rpartition(".")[0].rpartition(".")[0] for p in (ROOT / FOLDER / "outcomes").glob("*.json")})
MODULES = sorted(p.stem for p in (ROOT / FOLDER / "mutations").glob("*.py"))


def test_broken_runs_are_kept():
    assert "clip" in KEPT and set(KEPT) <= set(MODULES)


@pytest.mark.parametrize("slug", KEPT)
def test_the_verdict_falls_with_the_idea(slug):
    """Every outcome of the paper is sealed and fresh, and every claim that its record calls reproduced is lost in one."""
    paper = FOUND[slug]
    mutations, independent = declared(paper)
    assert surviving(paper, [read_outcome(m) for m in mutations], independent) == []


@pytest.mark.parametrize("slug", MODULES)
def test_a_declared_mutation_names_objects_that_exist(slug):
    for mutation in declared(FOUND[slug])[0] if FOUND[slug].status == "notebook" else ():
        assert all(mutation.digests().values())


def test_no_outcome_is_left_over():
    names = {m.outcome.name for slug in KEPT for m in declared(FOUND[slug])[0]}
    assert {p.name for p in (ROOT / FOLDER / "outcomes").iterdir()} <= names
    assert all(PROFILE in FOUND[slug].records for slug in KEPT)
