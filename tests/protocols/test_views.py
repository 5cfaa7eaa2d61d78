"""The protocol with views: same start and same pairs for all arms, and views that all arms share."""

import pytest
import torch

from vlatlas.protocols.views import ARMS, ONE_VIEW, TERMS, Views

SMALL = Views(pool=96, test=40, pairs=48, batch_size=16, width=16, depth=1, text_width=16, queue=64)


def test_arms_share_pairs_and_views():
    plain, one, two = (SMALL.batches(16, 3, arm)(1) for arm in ("clip", "views", "declip"))
    assert torch.equal(plain[1], one[1]) and torch.equal(plain[2]["group"], two[-1]["group"])
    assert torch.equal(one[0], two[0]) and not torch.equal(one[0], plain[0]) and not torch.equal(two[0], two[1])
    rows = two[-1]["owner"]
    assert torch.equal(SMALL.train_pool.floats(rows), plain[0]) and torch.equal(SMALL.train_pool.ids[rows], plain[1])
    again = SMALL.batches(16, 3, "random")(1)
    assert all(torch.equal(a, b) for a, b in zip(two[:-1], again[:-1], strict=True))


@pytest.mark.parametrize("arm", ["clip", "views_2", "declip", "no_neighbours", "random"])
def test_a_run_repeats_itself(arm):
    a, b = (SMALL.fit(arm, 0) for _ in range(2))
    assert torch.equal(a[0].visual.project.weight, b[0].visual.project.weight) and a[1] == b[1]
    assert bool(a[1]) is (arm in ("declip", "random")) and all(0 <= x <= 1 for x in a[1])


def test_arms_with_two_times_the_pairs_take_two_times_the_steps(monkeypatch):
    steps = {}
    monkeypatch.setattr(
        "vlatlas.protocols.views.train", lambda model, batches, loss, plan, *_, **k: steps.update({k["label"]: plan})
    )
    for arm in ARMS:
        SMALL.fit(arm, 0)
    assert {k.split(",")[0]: p.steps for k, p in steps.items()} == {arm: 3 * ONE_VIEW.get(arm, 1) for arm in ARMS}
    assert {k.split(",")[0] for k, p in steps.items() if p.lr == SMALL.rates["declip"]} >= set(TERMS)


def test_scores_of_a_model_that_always_answers_alike():
    model = SMALL.model(0).eval()
    with torch.no_grad():
        model.visual.project.weight.zero_()
    scores = SMALL.scores(model)
    assert set(scores) == {"zero_shot", "shift", "novel", "probe"} and all(0 <= x <= 0.4 for x in scores.values())


def test_no_arm_sees_a_scene_twice():
    assert max(ONE_VIEW.values()) * Views().pairs <= Views().pool


def test_an_unknown_arm_is_named():
    with pytest.raises(ValueError, match="'dclip'.*no_neighbours"):
        SMALL.batches(16, 0, "dclip")
