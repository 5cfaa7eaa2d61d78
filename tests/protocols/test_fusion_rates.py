"""The learning rates of the fusion protocol are the best of equally many, on seeds that no record uses."""

import json
from pathlib import Path

import pytest

from vlatlas.protocols.fusion import ARMS, RATES, Fusion

ROWS = json.loads(Path(__file__).with_name("fusion_rates.json").read_text(encoding="utf-8"))


def tried(arm: str) -> dict[float, list[float]]:
    """Rate -> R@1 on each seed: by features and list, mean of both; without contrast by the head on all pairs."""
    ways = ("dual", "listed") if ARMS[arm]["contrast"] else ("fused",)
    rows = [r for r in ROWS if r["arm"] == arm]
    return {lr: [sum(r[w] for w in ways) / len(ways) for r in rows if r["lr"] == lr] for lr in sorted({r["lr"] for r in rows})}


@pytest.mark.parametrize("arm", ARMS)
def test_each_rate_is_the_best_of_its_own_and_not_at_the_edge(arm):
    found = tried(arm)
    assert {len(v) for v in found.values()} == {2}
    best = max(found, key=lambda lr: sum(found[lr]))
    assert best == RATES[arm]
    assert min(found) < best < max(found)


def test_every_arm_had_as_many_tries_in_the_set_up_of_the_records():
    assert {r["arm"] for r in ROWS} == set(ARMS) and {r["seed"] for r in ROWS} == {10, 11}
    assert len({tuple(tried(arm)) for arm in ARMS}) == 1
    p = Fusion()
    assert {(r["noise"], r["steps"], r["batch"]) for r in ROWS} == {(0.4, p.steps, p.batch_size)}
