"""The notebook's call: what it accepts, what it refuses, what it shows."""

import json

import pytest

from vlatlas import repro

PARAMETERS = {"profile": "cpu", "seeds": [0, 1, 2], "device": "auto"}


@pytest.fixture
def atlas(make_atlas):
    return make_atlas("toy")


def test_in_an_open_notebook_it_judges_and_writes_nothing(atlas, monkeypatch):
    monkeypatch.delenv("VLATLAS_RUN_DIR", raising=False)
    result = repro.record("toy", {"gain": [2.0, 2.1, 2.2], "broken_gain": 1.0}, parameters=PARAMETERS)
    assert result.verdict == "reproduced"
    assert "2.1 ± 0.1" in result._repr_html_() and "2.1 ± 0.1" in result._repr_markdown_()
    assert not list(atlas.root.rglob("metrics.json"))


def test_what_it_shows_is_escaped(atlas, monkeypatch):
    atlas.edit("book/papers/toy/index.md", "It gains", "<script>alert(1)</script> | x")
    result = repro.record("toy", {"gain": [2.0] * 3, "broken_gain": 1.0}, parameters=PARAMETERS)
    assert "<script" not in result._repr_html_()
    assert r"\<script>alert(1)\</script> \| x" in result._repr_markdown_()


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"gain": [1.0, 2.0]}, "2 values for 3 seeds"),
        ({"gain": [1.0, float("nan"), 2.0]}, "nan at position 1"),
        ({"gain": float("inf")}, "inf"),
        ({"a-b": 1.0}, "cannot name a metric"),
        ({3: 1.0}, "cannot name a metric"),
    ],
)
def test_unfit_metrics_are_refused_by_name(atlas, metrics, words):
    with pytest.raises(ValueError, match=words):
        repro.record("toy", metrics, parameters=PARAMETERS)


def test_a_page_that_is_not_there(atlas):
    with pytest.raises(ValueError, match="no page for 'tyo'"):
        repro.record("tyo", {}, parameters=PARAMETERS)


class TestUnderTheRunner:
    @pytest.fixture
    def folder(self, atlas, tmp_path, monkeypatch):
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps({"slug": "toy", "parameters": PARAMETERS}))
        monkeypatch.setenv("VLATLAS_RUN_DIR", str(folder))
        return folder

    def test_it_writes_metrics_figures_and_facts(self, folder):
        from matplotlib.figure import Figure

        figures = {"main": Figure(), "other": Figure()}
        repro.record("toy", {"gain": [2.0, 2.1, 2.2], "broken_gain": 1.0}, figure=figures, parameters=PARAMETERS)
        measured = json.loads((folder / "metrics.json").read_text())
        assert measured["metrics"]["gain"]["values"] == [2.0, 2.1, 2.2]
        assert measured["figures"] == ["figure.svg", "figure.png", "figure-other.svg", "figure-other.png"]
        assert all((folder / name).stat().st_size for name in measured["figures"])
        assert measured["versions"]["python"] and measured["peak_memory_mb"] > 1
        assert "vlatlas.repro.recording" in measured["modules"]

    @pytest.mark.parametrize(
        ("slug", "parameters", "words"),
        [
            ("tie", PARAMETERS, "in the notebook of 'toy'"),
            ("toy", PARAMETERS | {"seeds": [0]}, "must use its parameter 'seeds'"),
            ("toy", PARAMETERS | {"profile": "gpu"}, "must use its parameter 'profile'"),
        ],
    )
    def test_it_refuses_another_runs_results(self, folder, slug, parameters, words):
        with pytest.raises(ValueError, match=words):
            repro.record(slug, {"gain": [1.0] * 3}, parameters=parameters)
        assert not (folder / "metrics.json").exists()

    def test_a_figures_name_cannot_leave_the_folder(self, folder):
        class Drawing:
            def savefig(self, target, **options):
                target.write(b"x")

        with pytest.raises(ValueError, match="cannot name a figure"):
            repro.record("toy", {}, figure={"a": Drawing(), "../b": Drawing()}, parameters=PARAMETERS)
        assert not list(folder.parent.glob("*b.*"))
