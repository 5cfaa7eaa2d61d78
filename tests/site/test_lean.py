"""Pages load what they use."""

from types import SimpleNamespace

import pytest
from sphinx.search.en import SearchEnglish

from vlatlas.site import lean, links, searching, sidebar

CSS = """
/* a comment with { braces } */
@charset "utf-8";
:root { --tone: #123; }
.used { color: red } .gone { color: blue }
.used, .gone > p, a:not(.gone) { margin: 0 }
#main .used[href$=".html"]::after { content: "{}" }
@media print { .gone { display: none } .used { display: block } }
@media screen { .gone { display: none } }
@font-face { font-family: "X"; src: url(x.woff2) }
@keyframes turn { 12.5% { top: 0 } }
"""


def test_a_trimmed_sheet_keeps_every_rule_that_can_apply():
    css = lean.trim(CSS, {"used", "main"})
    assert "gone{" not in css and "gone >" not in css and "comment" not in css
    assert css.count("{") == css.count("}")
    for part in (
        '@charset "utf-8";', ":root{--tone: #123;}", ".used{color: red}", ".used,a:not(.gone){margin: 0}",
        '#main .used[href$=".html"]::after', "@media print{.used{display: block}}", '@font-face{font-family: "X"', "12.5%",
    ):  # fmt: skip
        assert part in css, part
    assert "@media screen" not in css
    assert lean.trim(css, {"used", "main"}) == css, "a second time changes nothing"


def test_a_sheet_without_an_end_is_an_error():
    with pytest.raises(ValueError, match="without an end"):
        lean.trim(".used { color: red", {"used"})


def test_names_that_scripts_write_stay(tmp_path):
    html = tmp_path / "html"
    sheet = html / "_static" / "styles" / "a.css"
    sheet.parent.mkdir(parents=True)
    (html / "_static" / "a.js").write_text('node.classList.add("made-by-script")')
    sheet.write_text(css := ".made-by-script { top: 0 } .never { top: 0 } .page { top: 0 }")
    before, after = lean.trim_styles(html, {"page"})["a.css"]
    assert after < before
    assert sheet.read_text() == ".made-by-script{top: 0}.page{top: 0}"
    sheet.write_text(css)  # the next build copies it anew, and a page has got another class
    lean.trim_styles(html, {"page", "never"})
    assert sheet.read_text() == ".made-by-script{top: 0}.never{top: 0}.page{top: 0}"
    assert len(list((tmp_path / ".sheets").glob("*.css"))) == 1, "no older one is kept"


def test_a_file_is_left_out_only_where_its_marks_are_missing():
    assert not lean.needed("_static/atlas-filter.js", "<p>text</p>")
    assert lean.needed("_static/atlas-filter.js", "<table data-filters='[]'>")
    assert lean.needed("_static/doctools.js", "") and lean.needed("anything.css", "")


def test_the_sidebar_opens_the_branch_of_its_page():
    tree = lambda caption, *items: SimpleNamespace(caption=caption, items=items)  # noqa: E731
    site = {
        "index": SimpleNamespace(subtrees=[tree("Guide & more", "read"), tree("Atlas", "loss", "data")]),
        "read": SimpleNamespace(subtrees=[]),
        "loss": SimpleNamespace(subtrees=[tree(None, "p/a", "p/b")]),
        "data": SimpleNamespace(subtrees=[tree(None, "p/c")]),
        "p/a": SimpleNamespace(subtrees=[]), "p/b": SimpleNamespace(subtrees=[]), "p/c": SimpleNamespace(subtrees=[]),
    }  # fmt: skip
    titles = {name: SimpleNamespace(astext=lambda name=name: f"<{name}>") for name in site}

    class Site(dict):
        root = SimpleNamespace(docname="index")

    app = SimpleNamespace(
        env=SimpleNamespace(external_site_map=Site(site), titles=titles),
        builder=SimpleNamespace(get_target_uri=lambda name: f"{name}.html"),
    )
    text = sidebar.Contents(app).html("p/b")
    assert 'href="../loss.html"' in text and 'href="a.html"' in text and 'class="current reference internal" href="#"' in text
    assert "c.html" not in text, "the pages of another chapter stay folded"
    assert "Guide &amp; more" in text and "&lt;p/b&gt;" in text and text.count("<details") == 1
    assert text.count("<ul") == text.count("</ul>") and text.count("<li") == text.count("</li>") == 5


def test_a_stem_is_that_of_sphinx_and_is_computed_once():
    ours, theirs = searching.SearchWords({}), SearchEnglish({})
    words = ["captions", "captioning", "Captions", "trained", "batches", "CLIP"]
    assert [ours.stem(w) for w in words] == [theirs.stem(w) for w in words]
    before = ours.known.cache_info().misses
    assert ours.stem("trained") == "train" and ours.known.cache_info().misses == before


def test_a_page_is_read_again_only_when_it_changed(tmp_path, monkeypatch):
    site = tmp_path / "html"
    site.mkdir()
    (site / "a.html").write_text('<a href="b.html#x" class="one two">b</a>')
    (site / "b.html").write_text('<p id="x">b</p>')
    assert links.broken(site) == [] and links.pages(site)["a.html"].classes == ["one", "two"]
    read, seen = links.read, []
    monkeypatch.setattr(links, "read", lambda name, *rest: seen.append(name) or read(name, *rest))
    (site / "b.html").write_text('<p id="y">changed</p>')
    assert links.broken(site) == ["a.html: b.html#x"] and seen == ["b.html"]
    (tmp_path / links.CACHE).write_text("{not json")
    assert links.broken(site) == ["a.html: b.html#x"] and seen == ["b.html", "a.html", "b.html"]
