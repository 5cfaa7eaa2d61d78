"""The learning rates of the captioning protocol are the best of equally many, on seeds that no record uses."""

import json
from pathlib import Path

import pytest

from vlatlas.protocols.captioning import Captioning

ROWS = json.loads(Path(__file__).with_name("captioning_rates.json").read_text(encoding="utf-8"))
ARMS = {"lstm": "lr_lstm", "tuned": "lr_tuned"}


def tried(arm: str) -> dict[float, list[float]]:
    """Rate -> CIDEr-D on each seed."""
    rows = [r for r in ROWS if r["arm"] == arm]
    return {lr: [r["cider"] for r in rows if r["lr"] == lr] for lr in sorted({r["lr"] for r in rows})}


@pytest.mark.parametrize("arm", ARMS)
def test_each_rate_is_the_best_of_its_own_and_not_at_the_edge(arm):
    found = tried(arm)
    assert {len(v) for v in found.values()} == {2} and {r["seed"] for r in ROWS} == {10, 11}
    best = max(found, key=lambda lr: sum(found[lr]))
    assert best == getattr(Captioning(), ARMS[arm])
    assert min(found) < best < max(found)


def test_every_arm_had_as_many_tries_at_the_steps_that_it_has():
    assert len({len(tried(arm)) for arm in ARMS}) == 1
    p = Captioning()
    assert {r["arm"] for r in ROWS} == set(ARMS)
    for row in ROWS:
        assert (row["steps"], row["batch"], row["k"]) == (p.lstm_steps if row["arm"] == "lstm" else p.steps, p.batch, p.k)
