"""Kept runs, what got slower, and the page made of them, on runs made up by hand."""

import json

import pytest

from vlatlas import paths
from vlatlas.bench import history, page
from vlatlas.bench.harness import Ratio, less_memory
from vlatlas.bench.suites import SUITES
from vlatlas.bench.suites.steps import BATCH, CONTEXT, WORDS, texts

MACHINE = {"processor": "Abacus", "threads": 2, "torch": "2", "open_clip": "3", "product_gflops": 100}


def run(date: str, value: float, low: float, suite: str = "steps", name: str = "ours float32") -> dict:
    row = Ratio(name, "open_clip float32", value, low, value + 1, 1.0, value, "note", value, 9, at_least=1.5)
    return {"date": date, "commit": "c", "modified": False, "machine": MACHINE, "suites": {suite: [row.as_dict()]}}


def test_slower_needs_a_fall_out_of_the_scatter_and_by_a_tenth():
    before = run("a", 2.0, 1.9)["suites"]["steps"]
    assert history.slower(before, run("b", 1.85, 1.8)["suites"]["steps"]) == []  # below every lap, but by 7 %
    assert history.slower(before, run("b", 1.7, 1.6)["suites"]["steps"]) == [("ours float32", 2.0, 1.7)]
    scattered = run("a", 2.0, 1.2)["suites"]["steps"]
    assert history.slower(scattered, run("b", 1.7, 1.6)["suites"]["steps"]) == []  # a tenth, but within the laps
    assert history.slower(before, run("b", 1.0, 1.0, name="other")["suites"]["steps"]) == []


def test_changes_compare_neighbours_of_one_suite():
    runs = [run("a", 2.0, 1.9), run("b", 3.0, 3.0, suite="render"), run("c", 1.0, 1.0), run("d", 1.1, 1.0)]
    assert history.changes(runs) == [("c", "steps", "ours float32", 2.0, 1.0)]
    assert set(history.latest(runs)) == {"steps", "render"} and history.latest(runs)["steps"][0]["date"] == "d"
    assert "| c | Training step | ours float32 | 2.00 | 1.00 |" in page.slower(runs)
    runs[2]["machine"] = MACHINE | {"processor": "Slide rule"}
    assert history.changes(runs) == [("d", "steps", "ours float32", 2.0, 1.1)], "compared with what ran on the same machine"
    assert page.slower(runs[:1]) == "Nothing got slower in 1 kept runs.\n"


def test_history_is_appended_in_order(tmp_path):
    path = tmp_path / "deep" / "history.json"
    assert history.load(path) == []
    for date in ("a", "b"):
        history.append(run(date, 2.0, 1.9), path)
    assert [r["date"] for r in history.load(path)] == ["a", "b"]


def test_a_bar_is_met_or_not_and_memory_says_both_figures():
    row = Ratio("x", "y", 2.0, 1.9, 2.1, 1.0, 2.0)
    assert row.met is None and row.barred({"x": 2.0}).met is True and row.barred({"x": 2.01}).met is False
    assert row.barred({"other": 9.0}) == row
    saved = less_memory("tiled", "open_clip", 50.0, 1000.0)
    assert saved.value == 20.0 and saved.unit == "times less memory" and saved.note == "50 MB, open_clip 1000 MB"


def test_tables_say_when_a_bar_is_not_met():
    text = page.tables([run("a", 2.0, 1.9)])
    assert "Abacus" in text and "1.50, met" in text
    assert "**not met**" in page.tables([run("a", 1.2, 1.1)])


def test_every_suite_has_a_title_and_a_sentence():
    assert list(page.TITLES) == list(SUITES)
    assert all(suite.__doc__ for suite in SUITES.values())


def test_the_committed_page_is_that_of_the_committed_runs():
    where, remedy = paths.root() / history.FOLDER, "run: python -m vlatlas.bench.page"
    runs = history.load()
    for name, make in (("figures", page.shown), ("tables", page.tables), ("slower", page.slower), ("stamp", page.stamp)):
        assert (where / f"{name}.txt").read_text(encoding="utf-8") == make(runs), remedy
        if name != "stamp":
            assert f"speed/{name}.txt" in (where.parent / "speed.md").read_text(encoding="utf-8")
    drawn = {path.stem for path in where.glob("*.svg")}
    assert drawn == {name for name in page.FIGURES if f"speed/{name}.svg" in page.shown(runs)}, remedy
    json.dumps(runs, allow_nan=False)


def test_a_page_is_drawn_from_kept_runs_alone(tmp_path):
    """Three suites made up by hand give three figures; the roofline, ideal and rates are read from the rows' notes."""
    rows = {
        kind: [
            Ratio(f"{kind} tiled N={n}", f"{kind} open_clip N={n}", 2.0, 1.9, 2.1, n / 1e4, n / 5e3, "60% at 100 GFLOP/s", 2.0, 3)
            for n in (4096, 8192)
        ]
        for kind in ("clip", "siglip")
    }
    tokens = [
        Ratio(f"ours mask {m}%, 64 tokens", "ours mask 0%, 64 tokens", v, v, v, 1.0, v, f"ideal {v + 0.1:.2f} by FLOPs", v)
        for m, v in ((50, 2.0), (75, 3.6))
    ]
    suites = {"softmax": rows["clip"], "sigmoid": rows["siglip"], "patch_dropout": tokens}
    made = run("a", 2.0, 1.9) | {"suites": {k: [r.as_dict() for r in v] for k, v in suites.items()}}
    made["suites"]["steps"] = run("a", 2.0, 1.9)["suites"]["steps"]
    history.append(made, tmp_path / history.FOLDER / "history.json")
    written = {path.name for path in page.write(tmp_path)}
    assert {"losses.svg", "tokens.svg", "steps.svg", "tables.txt", "slower.txt"} <= written
    (axis, _) = page.figures([made])["losses"].axes
    roof = next(line for line in axis.lines if "products" in line.get_label()).get_xydata()
    assert roof.tolist() == [[n, pytest.approx(6 * n * n * 512 / 1e11)] for n in (4096, 8192)]
    (axis,) = page.figures([made])["tokens"].axes
    ours, ideal = (next(x for x in axis.lines if x.get_label().startswith(k)).get_xydata() for k in ("ours", "ideal"))
    assert ours.tolist() == [[100, 1.0], [50, 2.0], [25, 3.6]]
    assert ideal.tolist() == [[100, 1.0], [50, 2.1], [25, pytest.approx(3.7)]]


def test_texts_of_the_step_end_where_both_towers_look():
    ids = texts()
    assert ids.shape == (BATCH, CONTEXT)
    ends = ids.argmax(dim=1)  # open_clip reads at the largest id, ours at the end token
    assert (ids.gather(1, ends[:, None]) == WORDS - 1).all() and ((ids == WORDS - 1).sum(dim=1) == 1).all()
    assert all((row[: end + 1] > 0).all() and (row[end + 1 :] == 0).all() for row, end in zip(ids, ends, strict=True))


@pytest.mark.slow
def test_memory_of_the_losses_in_their_own_processes():
    """Memory does not depend on how busy the machine is, so it may be asserted: N = 4,096, D = 512."""
    from vlatlas.bench.suites.contrastive import _child

    taken = {side: _child("memory", "clip", 4096, side)[0] for side in ("open_clip", "keep", "tiled")}
    assert taken["keep"] <= 0.5 * taken["open_clip"] and taken["tiled"] <= 0.2 * taken["open_clip"]
