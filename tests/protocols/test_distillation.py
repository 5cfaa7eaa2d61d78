"""The distillation protocol on few scenes: what arms share, what tells them apart, and where its settings come from."""

import json
from pathlib import Path

import pytest
import torch

from vlatlas.evals import encode_images, encode_texts
from vlatlas.methods.clip_kd import TERMS, DistillationLoss
from vlatlas.protocols import distillation, distillation_sweep
from vlatlas.protocols.distillation import ARMS, SINGLE, Distillation
from vlatlas.protocols.shipped import WORLD as TEACHERS_WORLD

SWEEP = json.loads((Path(__file__).parent / "distillation_sweep.json").read_text(encoding="utf-8"))
SMALL = Distillation(pool=64, test=40, pairs=48, batch_size=16, width=24, depth=1, text_width=24)


def test_the_settings_are_the_best_of_a_sweep_on_other_seeds_with_as_many_candidates_each():
    assert SWEEP["seeds"] == [10, 11] and set(SWEEP["zero_shot"]) == set(distillation_sweep.GRIDS) == {"lr", "mask", *TERMS}
    frozen = Distillation()
    for what, values in distillation_sweep.GRIDS.items():
        found = {float(v): a for v, a in SWEEP["zero_shot"][what].items()}
        assert set(found) == set(values) and len(values) == 5
        assert getattr(frozen, what) == max(found, key=found.get)
    baseline = max(SWEEP["zero_shot"]["lr"].values())
    assert 3 / 48 < baseline < 0.9, "the student without a teacher is neither at chance nor at the ceiling"


def test_the_student_is_several_times_smaller_and_its_world_is_part_of_the_teachers():
    protocol = Distillation()
    sizes = [sum(p.numel() for p in m.parameters()) for m in (protocol.model(0), protocol.teacher())]
    assert sizes[1] > 5 * sizes[0]
    for attribute, values in protocol.world.values.items():
        assert set(values) <= set(TEACHERS_WORLD.values[attribute])
    assert set(map(tuple, protocol.world.combinations[:, :2].tolist())) <= set(
        map(tuple, TEACHERS_WORLD.combinations[:, :2].tolist())
    )
    seeds = (SMALL.train_pool.seed, SMALL.test_pool.seed, SMALL.validation_pool.seed)
    assert seeds == (0, 1, distillation.VALIDATION_SEED) and distillation.VALIDATION_SEED == 2


def test_signals_are_the_teachers_of_the_same_scenes_and_strangers_of_others():
    teacher, pool = SMALL.teacher(), SMALL.train_pool
    own, other, raw = (SMALL.signals(k) for k in ("trained", "strangers", "untrained"))
    assert torch.equal(own.image, encode_images(teacher, pool.floats()))
    assert torch.equal(own.text, encode_texts(teacher, pool.captions))
    assert own.scale == teacher.scale().item() and own.image.shape == (64, 64)
    for name in ("image", "text"):
        mine, theirs = getattr(own, name), getattr(other, name)
        assert all(torch.equal(theirs[(i + 32) % 64], mine[i]) for i in range(64))
        assert not (theirs == mine).all(dim=1).any() or name == "text"  # two scenes may share a caption
    assert not torch.allclose(raw.image, own.image, atol=0.1)
    assert SMALL.signals() is own, "computed once"


@pytest.mark.parametrize("arm", ARMS)
def test_arms_share_the_start_the_pairs_and_the_steps_and_differ_in_terms_and_signals(arm, monkeypatch):
    seen = {}

    def spy(student, batches, loss, config, device, label):
        seen.update(student=student, batch=batches(1), loss=loss, config=config)

    monkeypatch.setattr(distillation, "train", spy)
    returned = SMALL.fit(arm, 3)
    terms, teacher = ARMS[arm]
    assert returned is seen["student"].clip and not returned.training
    start = SMALL.model(3)
    assert all(torch.equal(p, q) for p, q in zip(returned.parameters(), start.parameters(), strict=True))
    assert seen["config"] == SMALL.schedule(3) and seen["config"].steps == 3
    rows = SMALL.train_pool.batches(16, 3, indices=True)(1)
    images, ids, image, text, further = seen["batch"]
    assert torch.equal(images, SMALL.train_pool.floats(rows)) and torch.equal(ids, SMALL.train_pool.ids[rows])
    assert torch.equal(further["group"], SMALL.train_pool.group[rows])
    assert torch.equal(image, SMALL.signals(teacher).image[rows]) and torch.equal(text, SMALL.signals(teacher).text[rows])
    assert isinstance(seen["loss"], DistillationLoss) and seen["loss"].weights == {t: getattr(SMALL, t) for t in terms}
    assert seen["student"].clip.visual.patch_dropout.ratio == (SMALL.mask if arm == "mfd" else 0)
    assert (seen["student"].fusion is not None) == (arm == "afd")


def test_the_same_seed_gives_the_same_student_and_signals_change_it():
    a, b, c, d = (SMALL.fit(arm, 0).visual.project.weight for arm in ("fd", "fd", "none", "strangers"))
    assert torch.equal(a, b) and not torch.equal(a, c) and not torch.equal(a, d)


def test_a_teacher_that_is_asked_is_right_and_agrees_with_itself():
    found = SMALL.evaluate(SMALL.teacher())
    assert set(found) == {"zero_shot", "recall", "cosine", "cka"}
    assert found["zero_shot"] > 0.9 and found["cosine"] == pytest.approx(1, abs=1e-5) and found["cka"] == pytest.approx(1)
    student = SMALL.evaluate(SMALL.model(0))
    assert student["zero_shot"] < 0.3 and student["cosine"] < 0.5


def test_what_varies_shares_the_scenes_and_nothing_else_may_vary():
    SMALL.signals()
    other = SMALL.vary(fd=9.0, lr=1e-4)
    assert other.fd == 9.0 and other.lr == 1e-4 and SMALL.fd != 9.0
    assert other.train_pool is SMALL.train_pool and other.signals() is SMALL.signals()
    with pytest.raises(ValueError, match="pool cannot vary"):
        SMALL.vary(pool=3)


def test_a_sweep_takes_each_setting_from_the_best_so_far():
    best, found = distillation_sweep.sweep([10], SMALL, {"lr": (1e-9, 1e-2), "fd": (1.0,), "mask": (0.25, 0.5)})
    assert set(found) == {"lr", "fd", "mask"} and best.lr == max(found["lr"], key=found["lr"].get)
    assert best.fd == 1.0 and best.mask in (0.25, 0.5)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="none, crd, fd"):
        SMALL.fit("kd", 0)
    with pytest.raises(ValueError, match="'trained' or 'untrained'"):
        SMALL.teacher("larger")
    assert set(SINGLE) <= set(ARMS)
