"""The site as a reader gets it: the real book."""

import re

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.repro.vocabulary import SECTIONS
from vlatlas.site.links import broken, external, pages

ROOT = paths.root()


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_every_paper_and_family_has_a_page_with_its_facts(site):
    found = catalogue.load(ROOT)
    for paper in found.papers.values():
        if paper.status == "planned":
            continue
        page = site / "book" / "papers" / paper.slug / "index.html"
        text = page.read_text(encoding="utf-8")
        for section in SECTIONS:
            assert f"<h2>{section}<" in text, f"{paper.slug} has no section {section!r}"
        assert 'class="badge' in text and "atlas-table" in text
        if paper.status == "notes":
            assert "not measured yet" in text, f"{paper.slug} is notes only and shows no result"


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_no_link_is_broken_and_nothing_is_fetched_from_elsewhere(site):
    assert len(pages(site)) > 30
    assert broken(site) == []
    assert external(site) == []


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_every_notebook_counts_its_own_exercises(site):
    for slug in ("clip", "flip", "siglip"):
        text = re.sub(r"<[^>]+>", "", (site / "book" / "papers" / slug / "reproduce.html").read_text(encoding="utf-8"))
        numbers = [int(n) for n in re.findall(r"\bExercise (\d+)", text)]
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1)), slug


@pytest.mark.slow
@pytest.mark.xdist_group("site")
def test_mathematics_and_search_are_local(site):
    page = (site / "book" / "papers" / "flip" / "index.html").read_text(encoding="utf-8")
    assert page.count("<math") > 5 and "mathjax/" not in page.lower() and (site / "_static" / "atlas-math.woff2").is_file()
    assert (site / "searchindex.js").stat().st_size > 10_000
    assert (site / "data" / "claims.csv").read_text(encoding="utf-8").startswith("slug,claim,")
