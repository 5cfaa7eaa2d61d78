"""Runs: published whole, reused while nothing changed, explained when they fail."""

import json
import os

import pytest

from vlatlas.repro import catalogue, keeping, runner, summary
from vlatlas.repro.errors import RunError, UsageError
from vlatlas.repro.jobs import parse_assignment, parse_seeds
from vlatlas.repro.records import Record
from vlatlas.repro.verify import verify


def run(atlas, slug="toy", **options):
    return runner.reproduce(slug, root=atlas.root, say=lambda line: None, **options)


def files(atlas, profile="cpu", slug="toy") -> list[str]:
    return sorted(os.listdir(atlas.root / "_build" / "runs" / profile / slug))


def test_a_run_is_published_whole_and_then_reused(make_atlas, capsys):
    atlas = make_atlas("toy")
    done = run(atlas)
    assert (done.status, done.exit_status) == ("done", 0)
    assert files(atlas) == ["figure.png", "figure.svg", "log.txt", "record.json", "reproduce.ipynb"]
    record = Record.read(atlas.root / "_build/runs/cpu/toy/record.json")
    assert record.sealed and record.verdict == "reproduced"
    assert record.metrics == {"gain": [2.0, 2.01, 2.02], "broken_gain": [1.0]}
    assert record["elapsed_s"] > 0 and record["peak_memory_mb"] > 10
    assert "measured [2.0, 2.01, 2.02]" in (done.folder / "log.txt").read_text()
    executed = (done.folder / "reproduce.ipynb").read_text()
    assert "measured [2.0" in executed and str(atlas.root) not in executed
    again = run(atlas)
    assert again.status == "reused" and again.record.data == record.data
    assert "unchanged since" in summary.reused(again, atlas.root)
    assert not list((atlas.root / "_build/runs/.staging").iterdir())
    table = summary.describe(done, atlas.root)
    assert "2.01 ± 0.01" in table and "control: Without the idea" in table and "_build/runs/cpu/toy/record.json" in table


def test_what_changed_is_named_and_run_anew(make_atlas):
    atlas = make_atlas("toy")
    run(atlas)
    assert run(atlas, seeds=[0, 1, 2, 3]).changed == ("parameters",)
    atlas.edit("book/papers/toy/reproduce.ipynb", "2 + s / 100", "3 + s / 100")
    assert run(atlas).changed == ("notebook", "parameters")
    assert run(atlas, force=True).status == "done"
    assert run(atlas).status == "reused"


def test_edited_claims_are_judged_anew_without_a_run(make_atlas):
    atlas = make_atlas("toy")
    finished = run(atlas).record["finished"]
    atlas.edit("book/papers/toy/index.md", "lo(gain) > 1.5", "lo(gain) > 5")
    again = run(atlas)
    assert (again.status, again.record.verdict, again.record["finished"]) == (
        "reused",
        "partly reproduced",
        finished,
    )
    assert Record.read(atlas.root / "_build/runs/cpu/toy/record.json").data == again.record.data


@pytest.mark.parametrize("name", ["record.json", "figure.svg", "reproduce.ipynb"])
def test_a_damaged_run_is_run_anew(make_atlas, name):
    atlas = make_atlas("toy")
    folder = run(atlas).folder
    path = folder / name
    if name == "reproduce.ipynb":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:5])
    assert run(atlas).status == "done"
    assert run(atlas).status == "reused"


def test_a_metric_changed_by_hand_is_not_believed(make_atlas):
    atlas = make_atlas("toy")
    path = run(atlas).folder / "record.json"
    path.write_text(path.read_text().replace("2.01", "9.99"))
    assert catalogue.load(atlas.root)["toy"].verdict is None
    assert run(atlas).status == "done"


def test_a_failing_cell_is_shown_with_its_source_and_the_last_good_run_stays(make_atlas):
    atlas = make_atlas("toy")
    before = run(atlas).record.data
    atlas.paper("toy", "x = 1", "y = 2\n1 / 0", bib=False)
    failed = run(atlas)
    assert (failed.status, failed.exit_status, failed.failure.kind, failed.failure.cell) == (
        "failed",
        1,
        "error",
        3,
    )
    text = summary.describe(failed, atlas.root)
    places = [".failed/cpu/toy/reproduce.ipynb", ".failed/cpu/toy/log.txt"]
    for part in ["ZeroDivisionError: division by zero", "    1 / 0", "in cell 3", *places]:
        assert part in text
    assert (failed.folder / "reproduce.ipynb").is_file() and (failed.folder / "log.txt").is_file()
    assert Record.read(atlas.root / "_build/runs/cpu/toy/record.json").data == before


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["import os", "os._exit(3)"], "the kernel died"),
        (["import ctypes", "ctypes.string_at(0)"], "Segmentation fault"),
        (["import sys", "sys.exit('enough')"], "SystemExit"),
        (["def f(:"], "SyntaxError"),
    ],
)
def test_a_kernel_that_dies_is_explained(make_atlas, cells, words):
    atlas = make_atlas()
    atlas.paper("toy", *cells)
    failed = run(atlas)
    assert failed.exit_status == 1
    text = summary.describe(failed, atlas.root)
    assert words in text
    assert f"in cell {len(cells) + 1}" in text


def test_a_notebook_that_records_nothing_is_a_failure(make_atlas):
    atlas = make_atlas("toy")
    (atlas.root / "book/papers/toy/reproduce.ipynb").write_text(atlas.notebook(atlas.MEASURE))
    assert "none called repro.record" in run(atlas).failure.message


def test_a_check_on_an_unrecorded_metric_fails_loudly_but_keeps_the_run(make_atlas):
    atlas = make_atlas("toy")
    atlas.edit("book/papers/toy/index.md", "lo(gain) > 1.5", "lo(gian) > 1.5")
    done = run(atlas)
    assert (done.status, done.exit_status) == ("done", 1)
    assert "gian, which was not recorded; recorded: broken_gain, gain" in summary.describe(done, atlas.root)
    atlas.edit("book/papers/toy/index.md", "lo(gian)", "lo(gain)")
    assert (run(atlas).status, run(atlas).exit_status) == ("reused", 0)


def test_smoke_judges_nothing(make_atlas):
    done = run(make_atlas("toy"), profile="smoke")
    assert done.record.seeds == [0] and done.record.verdict is None
    assert {c["verdict"] for c in done.record.claims} == {"not testable here"}


def test_parameters_reach_the_notebook_and_do_not_speak_for_the_paper(make_atlas):
    atlas = make_atlas("toy")
    done = run(atlas, parameters={"scale": 0.1})
    assert done.record.metrics["gain"] == pytest.approx([0.2, 0.201, 0.202])
    assert catalogue.load(atlas.root)["toy"].verdict is None
    with pytest.raises(RunError, match="made with -p scale"):
        keeping.keep(catalogue.load(atlas.root)["toy"], "cpu")


def test_the_kernel_is_fresh_and_of_this_interpreter(make_atlas):
    atlas = make_atlas()
    atlas.paper(
        "toy",
        "import os, sys\nhere = os.getcwd() == os.environ['VLATLAS_RUN_DIR']\n"
        "print(sys.executable, here, os.environ['HF_HUB_OFFLINE'])",
        atlas.MEASURE,
    )
    log = (run(atlas).folder / "log.txt").read_text()
    import sys

    assert f"{sys.executable} True 1" in log


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slug": "tyo"}, "did you mean toy"),
        ({"slug": "../../etc"}, "not a paper's name"),
        ({"profile": "cpuu"}, "did you mean cpu"),
        ({"seeds": []}, "no seeds"),
        ({"device": "tpu; rm"}, "no device"),
        ({"parameters": {"scael": 1}}, "did you mean scale"),
        ({"timeout": -1}, "time limit"),
    ],
)
def test_a_senseless_request_touches_nothing(make_atlas, options, words):
    atlas = make_atlas("toy")
    with pytest.raises(UsageError, match=words):
        run(atlas, **options)
    assert not (atlas.root / "_build" / "runs").exists()


def test_only_papers_with_a_notebook_can_run(make_atlas):
    atlas = make_atlas()
    atlas.paper("toy", run=False)
    with pytest.raises(UsageError, match="no notebook yet"):
        run(atlas)


@pytest.mark.parametrize("text", ["", "a", "1,", ",1", "1 2", "-1", "1.5", "0,0", "9" * 12, "１", "0;1"])
def test_seeds_that_are_none(text):
    with pytest.raises(UsageError):
        parse_seeds(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a=1", 1),
        ("a=x y", "x y"),
        ("a=[1, b]", [1, "b"]),
        ("a=", None),
        ("a=1e3=2", "1e3=2"),
        ("a=yes", True),
    ],
)
def test_assignments(text, value):
    assert parse_assignment(text) == ("a", value)


@pytest.mark.parametrize(
    "text", ["a", "=1", "a b=1", "a={x: 1}", "a=[[1]]", "a=!!python/name:os.system", "seeds=1", "a=[", "é=1"]
)
def test_assignments_that_are_none(text):
    with pytest.raises(UsageError):
        parse_assignment(text)


class TestKeep:
    def test_a_run_becomes_a_committed_record(self, make_atlas):
        atlas = make_atlas("toy")
        run(atlas)
        written = keeping.keep(catalogue.load(atlas.root)["toy"], "cpu")
        assert [p.name for p in written] == ["cpu.json", "cpu.svg", "cpu.png"]
        paper = catalogue.load(atlas.root)["toy"]
        assert paper.verdict == "reproduced"
        assert [p.name for p in paper.records["cpu"].figures().values()] == ["cpu.svg", "cpu.png"]

    def test_a_run_from_another_machine(self, make_atlas, tmp_path):
        import shutil

        atlas = make_atlas("toy")
        shutil.copytree(run(atlas).folder, tmp_path / "brought")
        shutil.rmtree(atlas.root / "_build")
        assert keeping.keep(catalogue.load(atlas.root)["toy"], "cpu", tmp_path / "brought")

    def test_what_is_not_kept(self, make_atlas):
        atlas = make_atlas("toy")

        def refused(profile="cpu"):
            with pytest.raises(RunError) as error:
                keeping.keep(catalogue.load(atlas.root)["toy"], profile)
            assert not (atlas.root / "book/papers/toy/records").exists()
            return str(error.value)

        assert "no finished cpu run" in refused()
        assert "smoke" in refused("smoke")
        folder = run(atlas).folder
        atlas.edit("book/papers/toy/reproduce.ipynb", "2 + s", "3 + s")
        assert "notebook changed" in refused()
        atlas.edit("book/papers/toy/reproduce.ipynb", "3 + s", "2 + s")
        figure = (folder / "figure.svg").read_bytes()
        (folder / "figure.svg").write_bytes(b"<svg>mine</svg>")
        assert "not the figure" in refused()
        (folder / "figure.svg").write_bytes(figure)
        text = (folder / "record.json").read_text()
        (folder / "record.json").write_text(text.replace('"reproduced"', '"direction only"'))
        assert "changed after the run" in refused()

    def test_rejudging_needs_an_untouched_record(self, make_atlas):
        atlas = make_atlas("toy")
        run(atlas)
        keeping.keep(catalogue.load(atlas.root)["toy"], "cpu")
        atlas.edit("book/papers/toy/index.md", "lo(gain) > 1.5", "lo(gain) > 5")
        keeping.rejudge(catalogue.load(atlas.root)["toy"], "cpu")
        kept = catalogue.load(atlas.root)["toy"].records["cpu"]
        assert kept.sealed and kept.verdict == "partly reproduced"
        kept.path.write_text(kept.path.read_text().replace("2.01", "9.99"))
        with pytest.raises(RunError, match="by hand"):
            keeping.rejudge(catalogue.load(atlas.root)["toy"], "cpu")


def test_verify_confirms_or_names_what_differs(make_atlas):
    atlas = make_atlas("toy")
    run(atlas)
    paper = catalogue.load(atlas.root)["toy"]
    _, _, differences, turned = verify(paper, "cpu", say=lambda line: None)
    assert len(differences) == 4 and all(d.close for d in differences) and turned == []
    atlas.edit("book/papers/toy/reproduce.ipynb", "2 + s / 100", "1.2 + s / 100")
    _, _, differences, turned = verify(catalogue.load(atlas.root)["toy"], "cpu", say=lambda line: None)
    assert [d.close for d in differences] == [False, False, False, True] and turned == ["gain"]
    atlas.edit("book/papers/toy/index.md", "  errata", '  tolerances: {"ga*": 0.5}\n  errata')
    _, _, differences, turned = verify(catalogue.load(atlas.root)["toy"], "cpu", say=lambda line: None)
    assert all(d.close for d in differences) and turned == ["gain"]
    record = json.loads((atlas.root / "_build/runs/cpu/toy/record.json").read_text())
    assert record["metrics"]["gain"]["mean"] == 2.01  # nothing was published
