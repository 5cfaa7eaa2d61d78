"""The mutation harness on a toy: a claim that rests on its idea is lost with it, and one that does not is found out."""

import importlib.util
import json
import os

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue, mutations, runner
from vlatlas.repro.check import mutations as check
from vlatlas.repro.keeping import keep as keep_record
from vlatlas.repro.mutations import MutationError, declared, judged_on, read_outcome, seeds_needed, surviving
from vlatlas.repro.problems import Problem
from vlatlas.repro.records import Record

SUITE = paths.root() / mutations.FOLDER
MEASURE = "from vlatlas.repro.tex import to_text\ngains = [scale * len(to_text('{ab}')) + s / 100 for s in seeds]"
DECLARED = '''"""The toy without its idea."""

MUTATIONS = {
    "nothing": {"says": "text is lost", "replaces": {"vlatlas.repro.tex.to_text": "NAME"}},
}


def lose(original):
    return lambda text: ""


def same(original):
    return lambda text: original(text)
'''


@pytest.fixture(scope="module")
def suite():
    spec = importlib.util.spec_from_file_location("mutation_run", SUITE / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def atlas(make_atlas):
    """A toy with a committed record, in which a claim is reproduced, and a mutation suite without mutations."""
    atlas = make_atlas()
    atlas.paper("toy", MEASURE)
    runner.reproduce("toy", root=atlas.root, say=lambda line: None)
    keep_record(catalogue.load(atlas.root)["toy"], "cpu")
    (atlas.root / mutations.FOLDER / "mutations").mkdir(parents=True)
    return atlas


def declare(atlas, text: str) -> catalogue.Paper:
    atlas.write(f"{mutations.FOLDER}/mutations/toy.py", text)
    return catalogue.load(atlas.root)["toy"]


def run(suite, paper):
    (mutation,), _ = declared(paper)
    suite.run(mutation, say=lambda line: None)
    return mutation


@pytest.mark.slow
def test_an_idea_that_matters_is_missed_and_one_that_does_not_is_found_out(atlas, suite):
    before = dict(os.environ)
    paper = declare(atlas, DECLARED.replace("NAME", "lose"))
    outcome = read_outcome(run(suite, paper))
    assert outcome.metrics["gain"] == [0.0, 0.01] and outcome.sealed
    assert surviving(paper, [outcome], {}) == [] == check.check(catalogue.load(atlas.root))
    assert dict(os.environ) == before
    paper = declare(atlas, DECLARED.replace("NAME", "same"))
    outcome = read_outcome(run(suite, paper))
    assert outcome.metrics["gain"] == [2.0, 2.01], "an unchanged object changes nothing"
    found = surviving(paper, [outcome], {})
    assert "'gain' is reproduced even without the idea" in found[0] and len(found) == 2
    assert [p.file for p in check.check(catalogue.load(atlas.root))] == [f"{mutations.FOLDER}/mutations/toy.py"] * 2
    assert suite.report(*declared(paper), say=lambda line: None) == found
    assert surviving(paper, [outcome], {"gain": "a reason"}) == found[1:], "something has to be lost"
    assert "which the page does not claim" in surviving(paper, [outcome], {"gone": "x"})[0]


@pytest.mark.slow
def test_a_broken_run_is_held_against_the_intact_numbers_of_its_seeds(atlas, suite):
    """`lo(gain)` needs two seeds: on one the intact run would not uphold the claim either, and losing it says nothing."""
    paper = declare(atlas, DECLARED.replace("NAME", "lose"))
    assert seeds_needed(paper) == [0, 1]
    mutation = run(suite, paper)
    outcome = read_outcome(mutation)
    assert outcome.seeds == [0, 1] and surviving(paper, [outcome], {}) == []
    one = judged_on(paper, Record(json.loads(mutation.outcome.read_text())), [0])
    assert "'gain' is reproduced even without the idea" in surviving(paper, [one], {})[0]
    page = atlas.root / "book/papers/toy/index.md"
    page.write_text(page.read_text().replace("lo(gain) > 1.5", "gain > 1.5"))
    assert seeds_needed(catalogue.load(atlas.root)["toy"]) == [0]


@pytest.mark.slow
def test_an_outcome_is_stale_when_its_code_changes_and_fresh_when_prose_does(atlas, suite):
    text = DECLARED.replace("NAME", "lose")
    mutation = run(suite, declare(atlas, text))
    page = atlas.root / "book/papers/toy/index.md"
    page.write_text(page.read_text().replace("lo(gain) > 1.5", "gain > -1"))
    paper = declare(atlas, text.replace("The toy without", "# a remark\nOther words for the toy without"))
    (again,), _ = declared(paper)
    outcome = read_outcome(again)
    assert "reproduced even without the idea" in surviving(paper, [outcome], {})[0], "judged as the page judges today"
    (changed,), _ = declared(declare(atlas, text.replace('lambda text: ""', 'lambda text: " "')))
    with pytest.raises(MutationError, match="stale: mutation changed; run: python tests/science/run.py toy"):
        read_outcome(changed)
    atlas.edit("book/papers/toy/reproduce.ipynb", "scale * len", "scale * 1 * len")
    with pytest.raises(MutationError, match="stale: notebook and mutation changed"):
        read_outcome(mutation)


@pytest.mark.slow
def test_an_outcome_that_was_edited_or_has_other_seeds_is_refused(atlas, suite):
    mutation = run(suite, declare(atlas, DECLARED.replace("NAME", "lose")))
    whole = json.loads(mutation.outcome.read_text())
    mutation.outcome.write_text(json.dumps(whole | {"elapsed_s": 1.0}))
    with pytest.raises(MutationError, match="changed by hand"):
        read_outcome(mutation)
    mutations.keep(mutation, suite.measure(mutation, [7], say=lambda line: None), 1.0)
    with pytest.raises(MutationError, match="seeds that the committed record has not"):
        read_outcome(mutation)


def test_a_finished_paper_without_a_mutation_is_listed(atlas):
    file = f"{mutations.FOLDER}/mutations/toy.py"
    (problem,) = check.check(catalogue.load(atlas.root))
    assert problem.file == file and "no mutation takes away what toy is about" in problem.message
    declare(atlas, DECLARED.replace("NAME", "lose"))
    (problem,) = check.check(catalogue.load(atlas.root))
    assert isinstance(problem, Problem) and "was never run" in problem.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(", "is not Python"),
        ("x = 1", "must set MUTATIONS"),
        ("MUTATIONS = __import__('os').environ", "must set MUTATIONS"),
        ("MUTATIONS = {'a': {'says': 'x', 'replaces': {}}}", "'a' needs"),
        ("MUTATIONS = {'../a': {'says': 'x', 'replaces': {'b': 'c'}}}", "'../a' needs"),
        ("MUTATIONS = {'a': {'says': 'x', 'replaces': {'vlatlas.paths.root': 'gone'}}}", "names gone"),
    ],
)
def test_a_declaration_is_read_as_data_and_faults_are_named(make_atlas, text, words):
    atlas = make_atlas("toy")
    with pytest.raises(MutationError, match=words):
        declared(declare(atlas, text))


@pytest.mark.parametrize("name", ["vlatlas.paths.nothing", "vlatlas.gone.x", "os.path.join"])
def test_an_object_that_does_not_exist_is_named(make_atlas, name):
    atlas = make_atlas("toy")
    (mutation,), _ = declared(declare(atlas, DECLARED.replace("NAME", "lose").replace("vlatlas.repro.tex.to_text", name)))
    with pytest.raises(MutationError, match=name):
        mutation.digests()
