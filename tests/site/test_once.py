"""What a build does once for all pages, or not at all, changes nothing that is shown."""

import glob
import json
import logging
import os
import pickle
import random
from types import SimpleNamespace

import pytest
from docutils import nodes
from docutils.utils import new_document
from PIL import Image
from sphinx.util.nodes import NodeMatcher
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

from vlatlas import paths
from vlatlas.repro import catalogue
from vlatlas.site import once, state, thumbs, warned


def test_the_front_matter_leaves_a_page_and_its_lines_keep_their_numbers():
    pages = [p.page for p in catalogue.load(paths.root()).papers.values() if p.page.is_file()]
    assert len(pages) > 100
    for page in pages:
        text = page.read_text(encoding="utf-8")
        bare = once.without_front(text)
        lines, before = bare.split("\n"), text.split("\n")
        first = next(k for k, line in enumerate(lines) if line)
        assert lines[first].startswith("# ") and len(lines) == len(before), page
        assert lines[first:] == before[first:] and before[first - 1 - (not before[first - 1])] == "---", page


@pytest.mark.parametrize(
    "text",
    [
        "# No front matter\n",
        "---\nhtml_theme.sidebar_secondary.remove: true\n---\n# Other keys\n",
        "---\npaper:\n  slug: x\nmyst:\n  substitutions: {a: b}\n---\n# Keys of MyST beside ours\n",
        "---\npaper:\n  slug: x\n# Never ends\n",
        "text\n---\npaper:\n  slug: x\n---\n# Not at the top\n",
    ],
)
def test_what_is_not_the_catalogues_alone_stays(text):
    assert once.without_front(text) == text


def test_installed_styles_are_looked_up_in_one_reading(monkeypatch):
    from importlib import metadata

    from pybtex import plugin

    monkeypatch.setattr(plugin, "entry_points", plugin.entry_points)
    once.citation_styles()
    monkeypatch.setattr(metadata.Distribution, "discover", lambda **_: pytest.fail("read the lists of all packages again"))
    plain = plugin.find_plugin("pybtex.style.formatting", "plain")
    assert plain.__name__ == "Style" and plugin.find_plugin("pybtex.style.formatting", "plain") is plain
    with pytest.raises(plugin.PluginNotFound, match="nothing"):
        plugin.find_plugin("pybtex.style.formatting", "nothing")


@pytest.mark.parametrize(("changed", "unwritten", "workers"), [(1, 1, 1), (once.FEW, 0, 1), (once.FEW, 1, 3), (0, 300, 3)])
def test_a_few_pages_are_built_without_workers(changed, unwritten, workers):
    builder = SimpleNamespace(get_outdated_docs=lambda: iter([f"unwritten {k}" for k in range(unwritten)]))
    app = SimpleNamespace(builder=builder, parallel=3)
    once.alone(app, None, [f"changed {k}" for k in range(changed)])
    assert app.parallel == workers


def test_a_record_is_judged_once_in_a_build_and_the_next_build_reads_anew(monkeypatch):
    app, judged = SimpleNamespace(srcdir=str(paths.root())), []
    really = catalogue.Paper.judged
    monkeypatch.setattr(catalogue.Paper, "judged", lambda self, record: (judged.append(self.slug), really(self, record))[1])
    paper = state.atlas(app).papers["flip"]
    assert paper.verdict and paper.headline_record() is paper.headline_record() and judged == ["flip"]
    assert state.sources(app) is state.sources(app)
    state.forget(app)
    assert state.atlas(app).papers["flip"].verdict and judged == ["flip", "flip"]
    state.forget(app)


def test_a_thumbnail_is_made_anew_for_another_figure_alone(tmp_path, monkeypatch):
    figure, other = tmp_path / "cpu.png", tmp_path / "gpu.png"
    Image.new("RGB", (320, 200), "red").save(figure)
    Image.new("RGB", (320, 200), "blue").save(other)
    os.utime(other, ns=(1, 1))  # older, and yet another figure
    shown = [figure]
    record = SimpleNamespace(figures=lambda: {p.name: p for p in shown})
    monkeypatch.setattr(thumbs, "shown_records", lambda paper: {"cpu": record})
    monkeypatch.setattr(thumbs, "atlas", lambda app: SimpleNamespace(papers={"x": SimpleNamespace(slug="x")}))
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path)
    thumb = tmp_path / "data/thumbs/x.png"
    thumbs.write(app, None)
    made = thumb.read_bytes()
    thumb.write_bytes(made + b"\0")
    os.utime(thumb, ns=(figure.stat().st_mtime_ns,) * 2)
    thumbs.write(app, None)
    assert thumb.read_bytes() == made + b"\0", "the same figure: left alone"
    shown[0] = other
    thumbs.write(app, None)
    assert thumb.read_bytes()[: len(made)] != made and Image.open(thumb).size == thumbs.SIZE


def test_warned_pages_are_read_again_and_a_warning_of_no_page_means_all(tmp_path):
    docs = {"book/a", "book/b"}
    project = SimpleNamespace(path2doc=lambda path: path.removeprefix("/src/").removesuffix(".md"))
    env = SimpleNamespace(found_docs=docs)
    app = SimpleNamespace(project=project, env=env, doctreedir=tmp_path)

    def build(*locations):
        app.vlatlas_warned = warned.Pages(app)
        for location in locations:
            record = logging.LogRecord("sphinx", logging.WARNING, "", 0, "a fault", (), None)
            record.location = location
            assert app.vlatlas_warned.filter(record)
        warned.keep(app, None)
        return warned.outdated(app, env, set(), set(), set())

    assert build("/src/book/a.md:12") == ["book/a"]
    assert json.loads((tmp_path / warned.FILE).read_text()) == ["book/a"]
    assert build("/src/book/a.md:12", None) == ["book/a", "book/b"]
    assert build("/src/papers.bib:3") == ["book/a", "book/b"]
    assert build() == [] and not (tmp_path / warned.FILE).exists()


@pytest.mark.parametrize("seed", range(20))
def test_a_tree_is_walked_as_docutils_does(seed):
    draw = random.Random(seed)
    kinds = (nodes.paragraph, nodes.emphasis, nodes.section, nodes.container)
    places = [nodes.container()]
    for _ in range(60):
        child = nodes.Text("x") if draw.random() < 0.3 else draw.choice(kinds)()
        draw.choice(places).append(child)
        places += [child] * (not isinstance(child, nodes.Text))
    conditions = (
        None,
        nodes.Text,
        nodes.Element,
        nodes.Inline,
        NodeMatcher(nodes.paragraph),
        lambda node: len(node.children) == 1,
    )
    for start in draw.sample(places, 5):
        for condition in conditions:
            for whole in (True, False):
                mine, theirs = once.walk(start, condition, whole), start.findall(condition, include_self=whole)
                assert [id(n) for n in mine] == [id(n) for n in theirs]


@pytest.mark.parametrize("walk", [once.walk, nodes.Node.findall])
def test_a_walk_meets_what_is_put_in_on_its_way(walk):
    """What transforms rely on, though docutils does not promise it: children are looked at when the walk arrives."""
    tree = nodes.container("", nodes.section(), nodes.paragraph())
    for node in walk(tree, nodes.Element):
        if isinstance(node, nodes.section) and not node.children:
            node += nodes.emphasis()
            tree += nodes.strong()
    assert [n.tagname for n in walk(tree, nodes.Element)] == ["container", "section", "emphasis", "paragraph", "strong"]
    seen = []
    for node in walk(tree, nodes.paragraph):
        seen.append(node)
        if len(tree.children) < 5:
            tree.replace(node, [node, nodes.paragraph()])
    assert len(seen) == 3


def test_pages_outside_the_table_are_found_as_glob_finds_them(tmp_path):
    for name in ("a.md", "b/c.md", "b/.d.md", ".e/f.md", "b/g.txt", "_build/h.md", "b/_build2/i.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    pattern = str(tmp_path / "**" / "*.md")
    found = set(once.files(pattern))
    assert found == {p for p in glob.iglob(pattern, recursive=True) if "/_build/" not in p} and len(found) == 3


def test_the_catalogue_that_was_checked_is_the_one_that_is_shown(monkeypatch):
    app, root = SimpleNamespace(srcdir=str(paths.root())), paths.root()
    kept = state.keep(catalogue.load(root))
    monkeypatch.setattr(catalogue, "load", lambda *_: pytest.fail("read again"))
    assert state.atlas(app) is kept
    state.forget(app)


def test_an_exercise_is_kept_with_its_title_alone():
    page = new_document("page")
    page += nodes.paragraph("", "x" * 100_000)
    entries = {}
    for kind, place in ((exercise_enumerable_node, "a"), (solution_node, "a"), (solution_node, "b")):
        node = kind(
            "", nodes.title("", "", nodes.Text("Exercise "), nodes.math("", "N^2")), ids=["one"], label="one", serial_number=3
        )
        node += nodes.paragraph("", "y" * 1000)
        node.document = page
        page += node
        entries[f"{kind.__name__} {place}"] = {"docname": place, "node": node}
    whole = dict(entries["solution_node b"])
    env = SimpleNamespace(docname="a", sphinx_exercise_registry=entries)
    once.slim_exercises(SimpleNamespace(env=env), page)
    for name in ("exercise_enumerable_node a", "solution_node a"):
        slim = entries[name]["node"]
        assert type(slim).__name__ == name[:-2] and slim["ids"] == ["one"] and slim["serial_number"] == 3
        assert [child.astext() for child in slim.children] == ["Exercise N^2"]
        assert len(pickle.dumps(slim)) < 2000
    assert entries["solution_node b"] == whole, "those of other pages stay"
    assert len(page.children) == 4 and len(page.children[1].children) == 2, "the page itself stays whole"
