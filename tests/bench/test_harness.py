import json
import time

import pytest

from vlatlas.bench.__main__ import main
from vlatlas.bench.harness import ratios, take_turns


def test_candidates_take_turns_and_the_warm_up_is_thrown_away():
    order = []
    times = take_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, laps=3, warm_up=2)
    assert order == ["a", "b"] * 5
    assert {k: len(v) for k, v in times.items()} == {"a": 3, "b": 3}


def test_a_clock_of_work_does_not_count_waiting():
    times = take_turns({"waits": lambda: time.sleep(0.2)}, laps=1, warm_up=0, clock=time.process_time)
    assert times["waits"][0] < 0.1


def test_ratios_are_paired_by_hand():
    (r,) = ratios({"base": [4.0, 8.0, 6.0], "new": [2.0, 2.0, 6.0]}, "base", {"new": "remark"})
    assert (r.value, r.low, r.high, r.note) == (2.0, 1.0, 4.0, "remark")
    assert (r.seconds, r.baseline_seconds) == (2.0, 6.0)


def test_a_slower_candidate_gets_a_ratio_below_one():
    times = take_turns({"fast": lambda: None, "slow": lambda: time.sleep(0.01)}, laps=2, warm_up=0)
    assert ratios(times, "fast")[0].value < 1


def test_an_unknown_suite_is_named(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["patchdropout"])
    assert stop.value.code == 2 and "no suite patchdropout" in capsys.readouterr().err


def test_a_suite_that_cannot_run_says_so_and_loses_no_other(capsys, monkeypatch, tmp_path):
    def broken():
        """Needs what is not there."""
        raise RuntimeError("no chromium on this machine")

    def whole():
        """Measures."""
        return ratios({"base": [2.0], "fast": [1.0]}, "base")

    monkeypatch.setattr("vlatlas.bench.__main__.SUITES", {"broken": broken, "whole": whole})
    monkeypatch.setattr("vlatlas.paths.root", lambda: tmp_path)
    assert main(["broken", "whole"]) == 1
    assert main(["whole"]) == 0
    said = capsys.readouterr().out
    assert "not measured: no chromium on this machine" in said and "2.00 times as fast as base" in said
    kept = [json.loads(p.read_text()) for p in (tmp_path / "_build" / "bench").glob("*.json")]
    assert kept and all(list(run["suites"]) == ["whole"] for run in kept)
