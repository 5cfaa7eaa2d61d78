"""A remembered fit is made once, and anew as soon as anything it depends on differs."""

from dataclasses import replace

import pytest
import torch

from vlatlas.protocols.few_shot import Task
from vlatlas.protocols.few_shot_memo import Remembered

U, Y = torch.eye(3), torch.arange(3)
TASK = Task((4, 5, 6), ("a", "b", "c"), torch.eye(3), 20.0)


@pytest.fixture
def made():
    calls = []

    def fit(task, features, labels, seed, **settings):
        calls.append((task, features, labels, seed, settings))
        return lambda u: settings.get("lr", 0.0) * u + len(calls)

    return calls, Remembered(fit)


def test_the_same_call_is_answered_with_the_same_fit(made):
    calls, fit = made
    first = fit(TASK, U, Y, seed=1, lr=0.1, alpha=2)
    again = fit(replace(TASK, w=TASK.w.clone()), U.clone(), Y.clone(), seed=1, alpha=2, lr=0.1)
    assert again is first and len(calls) == 1
    assert calls[0][3:] == (1, {"lr": 0.1, "alpha": 2})


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 2},
        {"lr": 0.2},
        {"features": U.flip(0)},
        {"features": U[:2], "labels": Y[:2]},
        {"features": U.double()},
        {"labels": Y.flip(0)},
        {"task": replace(TASK, w=2 * TASK.w)},
        {"task": replace(TASK, names=("a", "b", "d"))},
        {"task": replace(TASK, numbers=(1, 2, 3))},
        {"task": replace(TASK, scale=1.0)},
    ],
    ids=str,
)
def test_whatever_differs_asks_for_a_new_one(made, other):
    calls, fit = made
    given = {"task": TASK, "features": U, "labels": Y, "seed": 1, "lr": 0.1}
    assert fit(**given) is not fit(**given | other) and len(calls) == 2


def test_what_is_prepared_is_made_together_once_and_answers_later_calls():
    asked = []

    class Many:
        def together(self, jobs):
            asked.append(len(jobs))
            return [lambda u, lr=settings["lr"]: lr * u for *_, settings in jobs]

    fit = Remembered(Many())
    jobs = [(TASK, U, Y, seed, {"lr": lr}) for seed in (0, 1) for lr in (0.5, 2.0)]
    fit.prepare(jobs[:3])
    fit.prepare(jobs)
    fit.prepare(jobs)
    assert asked == [3, 1]
    assert torch.equal(fit(TASK, U, Y, seed=1, lr=2.0)(U), 2 * U) and torch.equal(fit(TASK, U, Y, seed=0, lr=0.5)(U), U / 2)
    with pytest.raises(TypeError, match="not callable"):
        fit(TASK, U, Y, seed=0, lr=1.0)  # neither prepared nor made alone
