"""The site as a reader gets it: the real book, and a small one made of hostile fields."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from vlatlas import paths
from vlatlas.repro import catalogue, toc
from vlatlas.repro.vocabulary import SECTIONS
from vlatlas.site.links import broken, external, pages

ROOT = paths.root()
HOSTILE = "<script>alert(1)</script>"


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


@pytest.mark.slow
def test_hostile_fields_stay_text(tmp_path):
    """Script and markup in a title, a name, a claim or a link reach the page as text, or not at all."""
    flip = (ROOT / "book/papers/flip/index.md").read_text(encoding="utf-8")
    flip = re.sub(r'says: "[^"]*"', f"says: '{HOSTILE} <b onclick=x>'", flip)
    flip = re.sub(r"tldr: >-\n.*?\n  tldr_zh", f"tldr: '{HOSTILE}'\n  tldr_zh", flip, flags=re.S)
    flip = re.sub(r"(builds_on|related): \[.*\]", r"\1: []", flip)
    flip = re.sub(r"\{paper\}`[^`]*`", "another", flip)
    folder = tmp_path / "book" / "papers" / "flip"
    folder.mkdir(parents=True)
    (folder / "index.md").write_text(flip, encoding="utf-8")
    (tmp_path / "book" / "index.md").write_text("# Front\n\n```{scoreboard}\n```\n")
    family = tmp_path / "book" / "families" / "training.md"
    family.parent.mkdir()
    family.write_text("# Training\n\n```{family-papers} training\n```\n")
    bib = (ROOT / "papers.bib").read_text(encoding="utf-8")
    entries = [e for e in re.split(r"\n(?=@)", bib) if re.match(r"@\w+\{(li2023flip|he2022mae),", e)]
    bad = (
        "".join(entries)
        .replace("Scaling Language-Image", f"{HOSTILE} Scaling")
        .replace("https://github.com/facebookresearch/flip", "javascript:alert(1)")
    )
    (tmp_path / "papers.bib").write_text(bad, encoding="utf-8")
    (tmp_path / "_config.yml").write_text((ROOT / "_config.yml").read_text())
    toc.write(catalogue.load(tmp_path))
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(tmp_path), "-q"]
    subprocess.run(command, check=True, capture_output=True)
    for page in (tmp_path / "_build" / "html").rglob("*.html"):
        if "_static" not in page.parts:
            text = page.read_text(encoding="utf-8")
            assert HOSTILE not in text and "<b onclick" not in text, page
            assert not re.search(r'(href|src)="\s*javascript:(?!void)', text), page
    shown = (tmp_path / "_build/html/book/papers/flip/index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
