"""The extension's parts on their own: no Sphinx run."""

import json

import pytest
from docutils import nodes

from vlatlas.site import links, overlay, parts
from vlatlas.site.code import source_of


def test_a_link_never_carries_a_script():
    assert isinstance(parts.link("x", "https://a.example"), nodes.reference)
    for bad in ("javascript:alert(1)", "data:text/html,<script>", " https://a.example", "//evil.example"):
        assert not isinstance(parts.link("x", bad), nodes.reference)


def test_a_verdict_is_readable_without_colour():
    shown = {parts.badge(v).astext() for v in (*parts.MARKS, None)}
    assert len({s[0] for s in shown}) == len(parts.MARKS) + 1


def test_source_of_finds_methods_functions_and_modules():
    path, line, source = source_of("vlatlas.models.patch_dropout.PatchDropout.forward")
    assert path.name == "patch_dropout.py" and source.startswith("def forward(self") and "return" in source
    assert path.read_text().splitlines()[line - 1].strip().startswith("def forward")
    assert source_of("vlatlas.losses.siglip.sigmoid_loss")[2].startswith("def sigmoid_loss")
    assert "PALETTE" in source_of("vlatlas.plotting")[2]


@pytest.mark.parametrize("name", ["vlatlas.models.patch_dropout.PatchDropout.backward", "nowhere.at.all"])
def test_source_of_names_what_is_missing(name):
    with pytest.raises(LookupError, match="backward|nowhere"):
        source_of(name)


def test_the_link_checker_finds_what_is_broken(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top"></h1><a href="b.html#here">ok</a><a href="b.html#gone">anchor</a><a href="c.html">file</a>'
        '<a href="#top">ok</a><a href="#no">own</a><a href="https://x.example">out</a><img src="https://x.example/i.png">'
        '<script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "b.html").write_text('<p id="here"></p>')
    assert [b.split(": ")[1] for b in links.broken(tmp_path)] == ["b.html#gone", "c.html", "#no"]
    assert [e.split(": ", 1)[1] for e in links.external(tmp_path)] == [
        "https://x.example/i.png",
        "https://cdn.example/x.js",
    ]


class App:
    def __init__(self, srcdir):
        self.srcdir = srcdir


def notebook(text: str) -> str:
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": text}
    return json.dumps({"cells": [cell], "metadata": {"papermill": {"input_path": "/x"}}, "nbformat": 4, "nbformat_minor": 5})


def test_a_notebook_page_shows_the_best_run_and_says_what_it_is(tmp_path):
    def shown() -> str:
        source = [notebook("# stored")]
        overlay.overlay(App(tmp_path), "book/papers/flip/reproduce", source)
        return source[0]

    assert "Not run here yet" in shown() and "make reproduce PAPER=flip" in shown()
    for profile, banner in (("smoke", "Smoke run"), ("cpu", None)):
        folder = tmp_path / "_build" / "runs" / profile / "flip"
        folder.mkdir(parents=True)
        (folder / "reproduce.ipynb").write_text(notebook(f"# ran {profile}"))
        assert f"# ran {profile}" in shown() and "papermill" not in shown()
        assert (banner in shown()) if banner else "Smoke run" not in shown()


def test_other_pages_are_left_alone(tmp_path):
    source = ["# text"]
    overlay.overlay(App(tmp_path), "book/papers/flip/index", source)
    overlay.overlay(App(tmp_path), "book/guide/reading", source)
    assert source == ["# text"]
