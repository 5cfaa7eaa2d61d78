"""Pieces of the site on their own: what is computed from front matter, notebooks and pictures."""

import importlib.util
import json
import os
import re
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from types import SimpleNamespace

import nbformat
import pytest
from PIL import Image

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.site import bundle, filters, images, launch, lineage, missing, notebooks, overview, publishing, slides, words
from vlatlas.site.elements import make
from vlatlas.site.overview import spans

ROOT = paths.root()


@pytest.fixture(scope="module")
def found():
    return catalogue.load(ROOT)


def test_solutions_and_outputs_leave_a_notebook_and_exercises_stay():
    cells = [
        {
            "cell_type": "markdown",
            "source": "```{exercise}\n:label: a\nWhy?\n```\n\n```{solution} a\n:class: dropdown\nBecause.\n```\n",
        },
        {"cell_type": "markdown", "source": ["````{solution} b\n", "```python\nx = 1\n```\n", "````"]},
        {"cell_type": "code", "source": "1 + 1", "outputs": [{"x": 2}], "execution_count": 3},
    ]
    bare = notebooks.without_solutions({"cells": cells, "metadata": {}})
    assert [c["cell_type"] for c in bare["cells"]] == ["markdown", "code"]
    assert "Why?" in bare["cells"][0]["source"] and "Because" not in json.dumps(bare) and "x = 1" not in json.dumps(bare)
    assert bare["cells"][1]["outputs"] == [] and bare["cells"][1]["execution_count"] is None


def test_the_stored_notebooks_lose_every_solution(found):
    stored = [p.notebook for p in found.papers.values() if p.notebook.is_file()]
    assert stored
    for path in stored:
        text = path.read_text(encoding="utf-8")
        bare = json.dumps(notebooks.without_solutions(json.loads(text)))
        assert "{solution}" not in bare, path
        assert bare.count("{exercise}") == text.count("{exercise}"), path


def test_sizes_are_those_of_the_files(tmp_path):
    Image.new("RGB", (12, 7)).save(tmp_path / "a.png")
    (tmp_path / "b.svg").write_text('<?xml version="1.0"?>\n<svg xmlns="x"\n width="36pt" height="72pt" viewBox="0 0 1 1"></svg>')
    (tmp_path / "c.svg").write_text('<svg viewBox="0 0 1 1"></svg>')
    assert images.size(tmp_path / "a.png") == (12, 7)
    assert images.size(tmp_path / "b.svg") == (48, 96)
    assert images.size(tmp_path / "c.svg") is None


def test_words_of_the_notes_find_their_paper(found):
    index = words.index(found.papers.values())
    at = index["papers"].index("flip")
    assert at in index["words"]["masked"] and at in index["words"]["kaiming"]
    assert at not in index["words"]["imagebind"] and "图像塔" in index["zh"][at]


def test_a_filter_offers_each_value_with_its_rows_and_numbers_by_size():
    rows = [
        {"year": "2023", "task": "a|b", "cost": ""},
        {"year": "987", "task": "b", "cost": "3.0"},
        {"year": "", "task": "", "cost": "1"},
    ]
    texts = lambda filter_: [o.astext() for o in filters.options(filter_, rows)]  # noqa: E731
    assert texts({"name": "year"}) == ["all", "987 (1)", "2023 (1)"]
    assert texts({"name": "task"}) == ["all", "a (1)", "b (2)"]
    assert texts({"name": "cost", "most": [1, 5], "unit": "minutes"}) == ["all", "at most 1 minute", "at most 5 minutes"]
    form, count = filters.form([{"name": "year", "label": "Year"}], rows, "All")
    assert form["html"]["aria-label"] == "All" and count.astext() == "3 of 3 shown"


def test_early_years_share_a_column():
    assert spans(Counter({2015: 2, 2018: 1, 2021: 13, 2022: 1})) == [(2015, 2018), (2021, 2021), (2022, 2022)]
    assert spans(Counter({2021: 1, 2022: 2})) == [(2021, 2021), (2022, 2022)]


def test_the_lineage_has_each_linked_paper_once_and_no_two_at_one_place(found):
    links = lineage.edges(found)
    assert ("clip", "flip") in links
    years, at = lineage.places(found, links)
    assert set(at) == {slug for link in links for slug in link if found.papers[slug].bib.year}
    assert len(set(at.values())) == len(at)
    assert all(years[column][0] <= found.papers[slug].bib.year <= years[column][1] for slug, (column, _) in at.items())
    assert [overview.label(span) for span in years[:2]] == ["2015 to 2019", "2021"]


def test_an_address_is_https_or_refused(monkeypatch):
    monkeypatch.delenv("VLATLAS_URL", raising=False)
    assert publishing.address("VLATLAS_URL") is None
    monkeypatch.setenv("VLATLAS_URL", "https://example.org/atlas/")
    assert publishing.address("VLATLAS_URL") == "https://example.org/atlas"
    for bad in ("javascript:alert(1)", "http://example.org", 'https://example.org/"x'):
        monkeypatch.setenv("VLATLAS_URL", bad)
        with pytest.raises(ValueError, match="VLATLAS_URL"):
            publishing.address("VLATLAS_URL")


ATOM = "{http://www.w3.org/2005/Atom}"


def test_the_feed_has_every_verdict_and_every_new_paper_newest_first(found):
    base = "https://example.org/"
    dates = {"book/papers/flip/index.md": "2026-01-02T03:04:05+00:00", "book/papers/coop/index.md": "2031-01-01T00:00:00+02:00"}
    verdicts, new = publishing.verdicts(found, base), publishing.arrivals(found, base, dates)
    ran = [p for p in found.papers.values() if p.headline_record()]
    assert len(verdicts) == len(ran) > 0
    assert {e.link for e in new} == {f"{base}book/papers/{slug}/index.html" for slug in ("flip", "coop")}
    tree = ET.fromstring(publishing.feed([*verdicts, *new], base))
    entries = tree.findall(f"{ATOM}entry")
    assert len({e.findtext(f"{ATOM}id") for e in entries}) == len(entries) == len(ran) + 2
    assert entries[0].findtext(f"{ATOM}title") == "New: CoOp (adaptation)" and "FLIP" in entries[-1].findtext(f"{ATOM}title")
    assert tree.findtext(f"{ATOM}updated") == entries[0].findtext(f"{ATOM}updated") == dates["book/papers/coop/index.md"]
    assert len(ET.fromstring(publishing.feed([*verdicts, *new], base, most=2)).findall(f"{ATOM}entry")) == 2


def git(folder, *words, day: int = 1):
    date = f"2026-03-0{day}T00:00:00+0000"
    names = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    env = os.environ | names | {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    return subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, text=True, env=env).stdout


def test_a_paper_is_dated_by_the_first_commit_of_its_page(tmp_path):
    assert publishing.added(tmp_path) == {}, "no history, no dates"
    git(tmp_path, "init", "-q")
    page = tmp_path / "book" / "papers" / "x" / "index.md"
    page.parent.mkdir(parents=True)
    for day, text in ((1, "one"), (2, "two")):
        page.write_text(text)
        git(tmp_path, "add", ".", day=day)
        git(tmp_path, "commit", "-q", "-m", text, day=day)
    assert {k: v[:10] for k, v in publishing.added(tmp_path).items()} == {"book/papers/x/index.md": "2026-03-01"}
    git(tmp_path, "clone", "-q", "--depth", "1", tmp_path.as_uri(), str(tmp_path / "shallow"))
    assert publishing.added(tmp_path / "shallow") == {}, "a shallow clone would date every paper today"


def test_a_launched_notebook_fetches_the_named_version_and_installs_it_in_its_first_cell(found, tmp_path, monkeypatch):
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q", "--initial-branch=main")
    (origin / "papers.bib").write_text("old")
    git(origin, "add", ".")
    git(origin, "commit", "-q", "-m", "one")
    stored = json.loads(found["flip"].notebook.read_text(encoding="utf-8"))
    copy = launch.launchable(stored, origin.as_uri(), "main")
    assert nbformat.validate(nbformat.from_dict(copy)) is None
    assert [c["source"] for c in copy["cells"][1:]] == [c["source"] for c in stored["cells"]]
    assert stored == json.loads(found["flip"].notebook.read_text(encoding="utf-8")), "the stored notebook is left alone"
    ran, really = [], subprocess.run

    def run(command, check):
        ran.append(command)
        return really(command, check=check) if command[0] == "git" else None

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "run", run)
    cell = copy["cells"][0]["source"]
    exec(compile(cell, "cell", "exec"), {})
    assert ran == [], "where vlatlas is installed, the cell does nothing"
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("VLATLAS_ROOT", "to be set")
    exec(compile(cell, "cell", "exec"), {})
    folder = tmp_path / "vlatlas-source"
    assert ran[-1][1:] == ["-m", "pip", "install", "--quiet", str(folder)] and os.environ["VLATLAS_ROOT"] == str(folder)
    assert (folder / "papers.bib").read_text() == "old"


def test_launch_buttons_open_the_copies_and_only_where_a_service_can():
    links = dict(launch.addresses("https://github.com/owner/name", "flip"))
    assert links["Colab"].endswith("/github/owner/name/blob/notebooks/flip.ipynb")
    assert "/gh/owner/name/notebooks?" in links["Binder"] and links["Binder"].endswith("flip.ipynb")
    assert launch.addresses("https://git.example.org/owner/name", "flip") == []
    with pytest.raises(ValueError, match="owner/name"):
        launch.addresses("https://github.com/owner", "flip")


def test_a_version_that_is_no_commit_or_branch_is_refused(monkeypatch):
    config = SimpleNamespace(html_theme_options={"repository_url": "https://github.com/o/n"})
    monkeypatch.delenv("VLATLAS_REPOSITORY", raising=False)
    monkeypatch.delenv("VLATLAS_VERSION", raising=False)
    assert publishing.repository(config) == ("https://github.com/o/n", "main")
    monkeypatch.setenv("VLATLAS_REPOSITORY", "https://github.com/p/q/")
    monkeypatch.setenv("VLATLAS_VERSION", "0a1b2c")
    assert publishing.repository(config) == ("https://github.com/p/q", "0a1b2c")
    for bad in ("--upload-pack=x", 'main"; x'):
        monkeypatch.setenv("VLATLAS_VERSION", bad)
        with pytest.raises(ValueError, match="VLATLAS_VERSION"):
            publishing.repository(config)


def test_slides_hold_all_that_they_show(tmp_path):
    page = tmp_path / "book" / "papers" / "x" / "reproduce.html"
    page.parent.mkdir(parents=True)
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "pygments.css").write_text(".k { color: #123456 }")
    Image.new("RGB", (3, 2)).save(tmp_path / "figure.png")
    page.write_text(
        '<title>X</title><nav>menu</nav><article class="bd-article"><h1 id="a">X</h1><a href="../y/index.html">y</a>'
        '<a href="https://example.org">out</a><a href="#a">up</a><img src="../../../figure.png"><math><mi>x</mi></math></article>'
    )
    text = slides.slides(page)
    assert "menu" not in text and "y/index.html" not in text and 'href="https://example.org"' in text and 'href="#a"' in text
    assert 'src="data:image/png;base64,' in text and 'url("data:font/woff2;base64,' in text and "#123456" in text
    assert not re.search(r'(src|href)="(?!data:|https:|#)', text)
    assert slides.main(["x", "--html", str(tmp_path), "--output", str(tmp_path / "x.html")]) == 0
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match="make book"):
        slides.slides(tmp_path / "book" / "papers" / "z" / "reproduce.html")


@pytest.mark.parametrize(("slug", "said"), [("flipp", "did you mean"), ("align", "no notebook"), ("No Slug", "no paper's slug")])
def test_slides_of_what_has_none_are_refused_with_the_reason(slug, said, capsys):
    assert slides.main([slug]) == 1 and said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../../x", "x/../y", "", "no paper"])
def test_slides_of_what_is_no_slug_are_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert slides.main([name, "--html", str(tmp_path)]) == 1
    assert "is no paper's slug" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_a_bundle_has_the_pages_and_refuses_what_would_not_work_from_disk(tmp_path):
    html = tmp_path / "html"
    html.mkdir()
    with pytest.raises(ValueError, match="make book"):
        bundle.bundle(html, tmp_path / "x.zip")
    (html / "index.html").write_text('<a href="a.html">a</a>')
    (html / "a.html").write_text("<p>hello</p>")
    assert bundle.bundle(html, tmp_path / "x.zip") == 2
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert sorted(archive.namelist()) == ["vlatlas-site/a.html", "vlatlas-site/index.html"]
    (html / "a.html").write_text('<script src="https://cdn.example/x.js"></script>')
    with pytest.raises(ValueError, match="cdn.example"):
        bundle.bundle(html, tmp_path / "y.zip")
    assert not (tmp_path / "y.zip").exists()


def test_attributes_that_are_none_or_false_are_left_out():
    node = make("a", "x", class_="k", data_year=3, hidden=None, download=True)
    assert node["html"] == {"class": "k", "data-year": 3, "download": True}


def test_the_archive_for_classes_is_packed_anew_when_a_notebook_changed(tmp_path, monkeypatch):
    def cell(text: str) -> str:
        return json.dumps({"cells": [{"cell_type": "markdown", "source": text}]})

    paper = SimpleNamespace(slug="x", notebook=tmp_path / "x.ipynb")
    monkeypatch.setattr(notebooks, "atlas", lambda app: SimpleNamespace(papers={"x": paper}))
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), srcdir=tmp_path, outdir=tmp_path / "html")
    archive = app.outdir / notebooks.ARCHIVE

    def packed() -> str:
        notebooks.write(app, None)
        with zipfile.ZipFile(archive) as made:
            return made.read("notebooks/x.ipynb").decode()

    paper.notebook.write_text(cell("one"))
    assert "one" in packed()
    before = archive.stat().st_mtime_ns
    assert "one" in packed() and archive.stat().st_mtime_ns == before
    paper.notebook.write_text(cell("another"))
    assert "another" in packed()
    archive.write_bytes(archive.read_bytes()[:40])
    assert "another" in packed(), "half an archive is made whole"


def test_the_page_for_a_missing_address_works_at_any_depth_of_a_published_site():
    for docs in ([], ["book/index"], ["book/index", "book/reference/catalogue"]):
        ((name, context, template),) = missing.page(SimpleNamespace(env=SimpleNamespace(found_docs=docs)))
        assert name == "404" and template == "page.html"
        assert set(re.findall(r'href="([^"]+)\.html"', context["body"])) == {"search", *docs}, "only what the book has"
    for address, wanted in (("https://example.org/atlas/", '<base href="https://example.org/atlas/" />'), ("", None)):
        app, context = SimpleNamespace(config=SimpleNamespace(html_baseurl=address)), {"metatags": "<meta>"}
        missing.base(app, "404", "page.html", context, None)
        assert context["metatags"].split("\n")[0] == (wanted or "<meta>") and "<meta>" in context["metatags"]
        missing.base(app, "book/index", "page.html", other := {}, None)
        assert other == {}, "other pages know where they stand"
