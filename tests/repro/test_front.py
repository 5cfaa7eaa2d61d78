"""Front matter: valid data, or problems that name line and remedy; nothing from a page is built or run."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlatlas.repro import frontmatter
from vlatlas.repro.validate import read_front

# How many inputs each fuzz test tries: VLATLAS_EXAMPLES, 300 by default.
FUZZ = settings(max_examples=int(os.environ.get("VLATLAS_EXAMPLES", "300")), deadline=None)


@pytest.fixture
def page(make_atlas):
    return make_atlas().PAGE.replace("SLUG", "toy")


def line_of(text: str, part: str) -> int:
    return next(i for i, row in enumerate(text.split("\n"), start=1) if part in row)


def test_a_valid_page_gives_typed_data_with_defaults(page):
    data, lines, problems = read_front(page, "f.md")
    assert problems == []
    gain = data["claims"][0]
    assert (gain["profiles"], gain["seeds"], gain["controls"]) == (["cpu", "gpu", "full"], 3, ["broken"])
    assert data["claims"][1]["check"] is None
    assert lines[("paper", "claims", 1, "check")] == line_of(page, "check: null")


@pytest.mark.parametrize(
    ("old", "new", "marker", "words"),
    [
        ("family: training", "family: trainin", "trainin", "did you mean training?"),
        ('      tolerance: "not measured"\n', "", "id: cost", "tolerance is missing"),
        ('      check: "lo(gain) > 1.5"\n', "", "id: gain", "check is missing"),
        ('paper: {value: "2x", where: "Fig. 1"}', 'paper: {value: "2x"}', "2x", "where is missing"),
        ("tldr: A", "tldrr: A", "tldrr", "did you mean tldr"),
        ("tldr: A short summary.", "tldr: ''", "tldr:", "fill it in"),
        ("slug: toy", "slug: ../etc", "../etc", "it must match"),
        ("id: cost", "id: gain", "costs nothing", "two claims have the id 'gain'"),
        ("errata: []", "errata: []\n  errata: [x]", "errata: [x]", "stated twice"),
        ("code: []", "code: &a []", "code", None),
        ("code: []", "code: !!python/object:os.system x", "code", "not YAML"),
        ("tasks: [pretraining]", "tasks: *a", "tasks", "alias"),
        ("family: training", "family: training\n  tldr: {", "", "not YAML"),
        ("code: []", "code: [import os]", "import os", "it must match"),
    ],
)
def test_a_fault_names_its_line_and_remedy(page, old, new, marker, words):
    text = page.replace(old, new, 1)
    assert text != page
    data, _, problems = read_front(text, "f.md")
    if words is None:
        assert problems == []
        return
    assert data is None
    assert any(words in f"{p.message}; {p.remedy}" for p in problems), problems
    if marker:
        found = [p.line for p in problems if words in f"{p.message}; {p.remedy}"]
        assert abs(found[0] - line_of(text, marker)) <= 1


def test_smoke_can_never_be_a_judging_profile(page):
    text = page.replace("      controls: [broken]", "      controls: [broken]\n      profiles: [smoke]")
    _, _, problems = read_front(text, "f.md")
    assert len(problems) == 1 and "profiles" in problems[0].message


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "---\nother: 1\n---\n",
        "---\n- a\n---\n",
        "---\n---\n",
        "---\npaper: 3\n---\n",
        "---\nnever closed",
    ],
)
def test_pages_without_a_paper_block(text):
    data, _, problems = read_front(text, "f.md")
    assert data is None and problems and problems[0].remedy


@pytest.mark.parametrize("bomb", ["- " * 40_000 + "x", "[" * 5_000, "{a: " * 5_000, "a: " + "x" * 200_000])
def test_deep_or_huge_yaml_is_refused_at_once(bomb):
    data, _, problems = frontmatter.parse(bomb, "f.md")
    assert data is None and problems


@FUZZ
@given(st.text(alphabet="paper:-[]{}#&*!|>'\"\\ \n\t12aé\x00,?%@`", max_size=200))
def test_any_text_gives_data_or_problems_never_an_exception(text):
    data, _, problems = read_front(f"---\n{text}\n---\n", "f.md")
    assert data is not None or problems
