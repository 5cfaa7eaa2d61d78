"""The distillation protocol for a student that fits into its teacher: what arms share, and what tells them apart."""

import json
from pathlib import Path

import pytest
import torch

from vlatlas.methods.clip_kd import DistillationLoss
from vlatlas.methods.tinyclip import AffinityLoss
from vlatlas.protocols import inheritance
from vlatlas.protocols.inheritance import ARMS, RATES, Inheritance, steps_to, sweep
from vlatlas.train import History

SWEEP = json.loads((Path(__file__).parent / "inheritance_sweep.json").read_text(encoding="utf-8"))
SMALL = Inheritance(pool=64, test=40, pairs=48, batch_size=16, watched=20, judged=16, every=2)


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))


def test_both_rates_are_the_best_of_a_sweep_on_other_seeds_and_leave_room_to_gain():
    assert SWEEP["seeds"] == [10, 11] and set(SWEEP["zero_shot"]) == {"lr", "lr_large"}
    for field, found in SWEEP["zero_shot"].items():
        found = {float(rate): accuracy for rate, accuracy in found.items()}
        assert set(found) == set(RATES) and getattr(Inheritance(), field) == max(found, key=found.get)
    assert 3 / 48 < max(SWEEP["zero_shot"]["lr"].values()) < 0.9


def test_the_student_fits_into_its_teacher_and_the_large_model_is_of_the_teachers_size():
    student, teacher, large = SMALL.start("none", 0), SMALL.teacher(), SMALL.start("large", 0)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (student, teacher, large)]
    assert sizes[1] > 5 * sizes[0] and sizes[2] == sizes[1]
    for ours, theirs in ((student.visual, teacher.visual), (student.text, teacher.text)):
        a, b = ours.blocks[0].attention, theirs.blocks[0].attention
        assert 2 * len(ours.blocks) == len(theirs.blocks)
        assert a.out.in_features // a.heads == b.out.in_features // b.heads and a.heads < b.heads


def test_arms_start_where_they_should():
    start = {arm: SMALL.start(arm, 3) for arm in ARMS}
    assert same(start["none"], start["affinity"]) and same(start["none"], start["strangers"])
    assert same(start["inherit"], start["both"]) and not same(start["inherit"], start["none"])
    assert not same(start["scrambled"], start["inherit"]) and not same(start["large"], SMALL.teacher())
    assert same(SMALL.start("inherit", 4), start["inherit"]), "nothing is drawn"
    assert not same(SMALL.start("scrambled", 4), start["scrambled"])
    blocks, theirs = start["inherit"].visual.blocks, SMALL.teacher().visual.blocks
    for k, layer in enumerate((0, 2)):
        assert torch.isin(blocks[k].mlp[0].weight, theirs[layer].mlp[0].weight).all()
    assert start["inherit"].scale() == SMALL.teacher().scale()


@pytest.mark.parametrize("arm", ARMS)
def test_arms_share_pairs_and_steps_and_differ_in_aim_signals_and_rate_alone(arm, monkeypatch):
    seen = {}

    def spy(student, batches, loss, config, device, evaluate, eval_at, label):
        seen.update(batch=batches(1), loss=loss, config=config, eval_at=eval_at)
        return History()

    monkeypatch.setattr(inheritance, "train", spy)
    model, curve = SMALL.learn(arm, 3)
    assert not model.training and curve == [] and seen["eval_at"] == (2,)
    assert seen["config"] == SMALL.schedule(3, lr=SMALL.lr_large if arm == "large" else SMALL.lr)
    rows = SMALL.train_pool.batches(16, 3, indices=True)(1)
    signals = SMALL.signals(ARMS[arm][2])
    images, ids, image, text, further = seen["batch"]
    assert torch.equal(images, SMALL.train_pool.floats(rows)) and torch.equal(ids, SMALL.train_pool.ids[rows])
    assert torch.equal(image, signals.image[rows]) and torch.equal(text, signals.text[rows])
    assert torch.equal(further["group"], SMALL.train_pool.group[rows])
    assert isinstance(seen["loss"], AffinityLoss if ARMS[arm][1] == "affinity" else DistillationLoss)
    assert seen["loss"].teacher_scale == signals.scale
    assert ARMS[arm][1] == "affinity" or seen["loss"].weights == {}


def test_a_run_gives_a_curve_on_test_scenes_and_is_the_same_twice():
    (a, curve), (b, again) = SMALL.learn("both", 0), SMALL.learn("both", 0)
    assert same(a, b) and curve == again and [step for step, _ in curve] == [2]
    assert all(0 <= accuracy <= 1 for _, accuracy in curve)
    assert SMALL.learn("both", 0, curve=False)[1] == []
    assert len(SMALL.watched_pool) == 20 and SMALL.watched_pool.captions == SMALL.test_pool.captions[:20]


def test_steps_to_a_target():
    curve = [(8, 0.1), (16, 0.5), (24, 0.4), (32, 0.6)]
    assert [steps_to(curve, t) for t in (0.1, 0.45, 0.55, 0.7)] == [8, 16, 32, float("inf")]


def test_the_sweep_tries_both_models_at_every_rate():
    found = sweep([10], SMALL, (1e-9, 1e-3))
    assert set(found) == {"lr", "lr_large"} and all(set(by) == {1e-9, 1e-3} for by in found.values())


def test_unknown_arms_are_refused():
    with pytest.raises(ValueError, match="none, affinity, inherit"):
        SMALL.learn("fd", 0)
