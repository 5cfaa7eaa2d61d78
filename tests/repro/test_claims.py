"""Verdicts: every road to 'reproduced', and every way it is barred."""

import itertools

import pytest

from vlatlas.repro.claims import judge, paper_verdict

CLAIM = {
    "id": "gain",
    "says": "s",
    "paper": {"value": "2x", "where": "Fig. 1"},
    "check": "gain > 1.5",
    "direction": "gain > 1",
    "measured": [],
    "profiles": ["cpu", "gpu", "full"],
    "seeds": 3,
    "controls": ["broken"],
    "tolerance": "t",
}
CONTROL = {"id": "broken", "says": "s", "check": "broken < 1.2", "profiles": ["cpu", "gpu", "full"]}


def record(gain=2.0, broken=1.0, profile="cpu", seeds=3):
    return {
        "metrics": {"gain": {"values": [gain] * seeds}, "broken": {"values": [broken]}},
        "profile": profile,
        "seeds": list(range(seeds)),
    }


@pytest.mark.parametrize(
    ("changes", "result", "verdict", "why"),
    [
        ({}, {}, "reproduced", "the check holds"),
        ({}, {"gain": 1.2}, "direction only", "weaker"),
        ({}, {"gain": 0.5}, "not reproduced", "fails"),
        ({"direction": None}, {"gain": 1.2}, "not reproduced", "fails"),
        ({}, {"broken": 3.0}, "direction only", "control broken failed"),
        ({"controls": []}, {"broken": 3.0}, "reproduced", "holds"),
        ({}, {"broken": 3.0, "gain": 0.5}, "not reproduced", "fails"),
        ({}, {"seeds": 2}, "direction only", "2 of the 3 seeds"),
        ({"seeds": 1}, {"seeds": 1}, "reproduced", "holds"),
        ({}, {"profile": "smoke"}, "not testable here", "smoke"),
        ({"profiles": ["gpu"]}, {}, "not testable here", "cpu"),
        ({"check": None}, {}, "not testable here", "no check"),
    ],
)
def test_the_verdict_of_a_claim(changes, result, verdict, why):
    (claim,), _ = judge([CLAIM | changes], [CONTROL], record(**result))
    assert claim["verdict"] == verdict
    assert why in claim["why"]


def test_a_control_that_was_not_judged_bars_reproduced():
    (claim,), (control,) = judge([CLAIM], [CONTROL | {"profiles": ["gpu"]}], record())
    assert control["passed"] is None
    assert claim["verdict"] == "direction only"


@pytest.mark.parametrize("check", ["nothing > 1", "gain > 1 / (gain - gain)", "gain >"])
def test_a_check_without_a_value_is_a_problem_not_a_verdict(check):
    (claim,), _ = judge([CLAIM | {"check": check}], [CONTROL], record())
    assert claim["verdict"] == "not testable here"
    assert claim["problem"]


def test_what_is_measured_is_shown_per_seed_with_its_spread():
    data = record()
    data["metrics"]["gain"]["values"] = [1.0, 2.0, 3.0]
    (claim,), _ = judge([CLAIM | {"measured": ["gain", "gain * 100"]}], [CONTROL], data)
    assert [m["mean"] for m in claim["measured"]] == [2.0, 200.0]
    assert claim["measured"][1] == {
        "expression": "gain * 100",
        "values": [100.0, 200.0, 300.0],
        "mean": 200.0,
        "sd": 100.0,
    }


def test_nothing_is_reproduced_in_smoke_with_few_seeds_or_with_a_failed_control():
    """All combinations: 'reproduced' exactly when everything that it needs is there."""
    for gain, broken, profile, seeds in itertools.product((0.5, 1.2, 2.0), (1.0, 3.0), ("smoke", "cpu", "gpu"), (1, 3)):
        (claim,), _ = judge([CLAIM], [CONTROL], record(gain, broken, profile, seeds))
        needed = gain > 1.5 and broken < 1.2 and profile != "smoke" and seeds >= 3
        assert (claim["verdict"] == "reproduced") == needed


@pytest.mark.parametrize(
    ("verdicts", "paper"),
    [
        (["reproduced", "reproduced", "not testable here"], "reproduced"),
        (["not reproduced", "not testable here"], "not reproduced"),
        (["reproduced", "not reproduced"], "partly reproduced"),
        (["direction only"], "partly reproduced"),
        (["not testable here"], None),
        ([], None),
    ],
)
def test_the_verdict_of_a_paper(verdicts, paper):
    assert paper_verdict([{"verdict": v} for v in verdicts]) == paper
