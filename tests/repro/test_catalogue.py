"""The catalogue: derived from folders, quick by its cache, never wrong because of it."""

import subprocess
import sys

import pytest

from vlatlas.repro import catalogue
from vlatlas.repro.problems import did_you_mean


def test_status_order_and_facts(make_atlas):
    atlas = make_atlas("toy")
    atlas.paper("notes-only", run=False)
    planned = atlas.BIB.replace("SLUG", "zplanned").replace("NUMBER", "99999").replace("training", "foundations")
    (atlas.root / "papers.bib").open("a").write(planned)
    found = catalogue.load(atlas.root)
    assert found.problems == []
    assert {s: p.status for s, p in found.papers.items()} == {
        "zplanned": "planned", "notes-only": "notes", "toy": "notebook",
    }  # fmt: skip
    assert list(found.papers)[0] == "zplanned"  # families in their order
    toy = found["toy"]
    assert (toy.title, toy.bib.authors, toy.front.claims[0].id) == (
        "Paper toy: a title",
        ["First Last", "Ada Other"],
        "gain",
    )
    assert toy.verdict is None and toy.records == {} and toy.runs == {}


def test_unknown_paper_gets_near_matches(make_atlas):
    found = catalogue.load(make_atlas("flip", "clip").root)
    with pytest.raises(catalogue.UnknownPaper, match="no paper 'flp'; did you mean flip"):
        found["flp"]


@pytest.mark.parametrize(("word", "answer"), [("flpi", "did you mean flip?"), ("zzzz", ""), ("", "")])
def test_near_matches(word, answer):
    assert did_you_mean(word, ["flip", "maskclip-plus"]) == answer


def test_the_cache_follows_content_not_time(make_atlas):
    atlas = make_atlas("toy")
    assert catalogue.load(atlas.root)["toy"].data["tldr"] == "A short summary."
    page = atlas.root / "book/papers/toy/index.md"
    before = page.stat()
    atlas.edit("book/papers/toy/index.md", "A short summary.", "Another summary")  # same length
    import os

    os.utime(page, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert catalogue.load(atlas.root)["toy"].data["tldr"] == "Another summary"


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": 1}', b"[" * 100_000])
def test_a_damaged_cache_costs_nothing_but_time(make_atlas, rubbish):
    atlas = make_atlas("toy")
    catalogue.load(atlas.root)
    cache = atlas.root / "_build/.cache/catalogue.json"
    cache.write_bytes(rubbish)
    assert catalogue.load(atlas.root)["toy"].data["name"] == "toy"
    assert catalogue.load(atlas.root).problems == []


def test_faults_are_collected_and_do_not_hide_other_papers(make_atlas):
    atlas = make_atlas("toy", "broken")
    atlas.edit("book/papers/broken/index.md", "family: training", "family: nonsense")
    (atlas.root / "book/papers/Not A Slug").mkdir()
    (atlas.root / "book/papers/no-page").mkdir()
    (atlas.root / "book/papers/no-page/reproduce.ipynb").write_text("{}")
    (atlas.root / "papers.bib").open("a").write("@misc{torn, title = {x\n")
    found = catalogue.load(atlas.root)
    assert found["toy"].data and found["broken"].data is None
    text = "\n".join(map(str, found.problems))
    for part in ("broken/index.md:6:", "'Not A Slug' is not a slug", "no-page/index.md", "papers.bib:2"):
        assert part in text


def test_nothing_on_the_way_imports_torch_or_papermill(make_atlas):
    atlas = make_atlas("toy")
    code = (
        "import sys\nfrom vlatlas.repro import catalogue\nfrom vlatlas.repro.listing import list_papers\n"
        f"c = catalogue.load({str(atlas.root)!r})\nlist_papers(list(c.papers.values()), True)\n"
        "heavy = {'torch', 'numpy', 'papermill', 'nbclient', 'matplotlib', 'IPython'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
