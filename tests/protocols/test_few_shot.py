"""The few-shot protocol: what it promises about classes, leaks, choices and the table's columns."""

import pytest
import torch

from vlatlas.protocols.few_shot import GRIDS, FewShot, Task, grid, harmonic, linear_probe, zero_shot
from vlatlas.protocols.shipped import WORLD

PROTOCOL = FewShot(test=96, shots=(1, 2), validation=2)


def test_every_class_is_a_combination_that_pre_training_leaves_out():
    seen = WORLD.batch(0, range(5000)).layout
    pairs = {(WORLD.shapes[s], WORLD.colours[c]) for s, c in zip(seen.shape[:, 0], seen.colour[:, 0], strict=True)}
    assert len(PROTOCOL.classes) == 32
    assert not pairs & {(c["shape"], c["colour"]) for c in PROTOCOL.classes}
    assert set(PROTOCOL.source.styles).isdisjoint(WORLD.styles)


def test_base_and_new_part_the_classes_and_share_shapes_and_textures_but_no_colour():
    parts = [[PROTOCOL.classes[i] for i in part] for part in (PROTOCOL.base, PROTOCOL.new)]
    assert sorted(PROTOCOL.base + PROTOCOL.new) == list(range(32)) and len(PROTOCOL.base) == 16
    for attribute, shared in (("shape", True), ("texture", True), ("colour", False)):
        base, new = ({c[attribute] for c in part} for part in parts)
        assert (base == new) if shared else base.isdisjoint(new)


def test_labels_say_what_is_drawn():
    batch = PROTOCOL.world(PROTOCOL.source).batch(9, range(50))
    for label, seen in zip(PROTOCOL.labels(PROTOCOL.source, 9, range(50)).tolist(), batch.graphs, strict=True):
        thing = seen.objects[0]
        assert PROTOCOL.classes[label] == {"shape": thing.shape, "colour": thing.colour, "texture": thing.texture}


def test_support_validation_and_test_share_no_scene():
    rows = PROTOCOL.support_rows(0)
    assert rows.shape == (32, 4) and len(rows.unique()) == rows.numel()
    labels = PROTOCOL.labels(PROTOCOL.source, 5_000_000, rows.flatten().tolist()).view(32, 4)
    assert torch.equal(labels, torch.arange(32)[:, None].expand(32, 4))
    support, _ = PROTOCOL.support(0, 2)
    held, y = PROTOCOL.validation_set(0)
    assert set(y.tolist()) == set(PROTOCOL.base) and y.bincount().max() == 2
    everything = torch.cat([support, held, PROTOCOL.test_set()[0]])
    assert len(torch.unique(everything, dim=0)) == len(everything)


def test_more_shots_contain_the_fewer_and_seeds_differ():
    one, y1 = PROTOCOL.support(0, 1)
    two, y2 = PROTOCOL.support(0, 2)
    assert torch.equal(two.view(32, 2, -1)[:, 0], one) and y2.bincount().tolist() == [2] * 32
    assert not torch.equal(PROTOCOL.support(1, 1)[0], one)
    with pytest.raises(ValueError, match="shots 3"):
        PROTOCOL.support(0, 3)


def test_a_choice_sees_base_classes_of_the_support_and_the_validation_images_alone():
    seen = []

    def fit(task: Task, features, labels, seed, value):
        seen.append((task.numbers, features))
        return lambda u: torch.full((len(u), 16), 0.0).index_fill_(1, torch.tensor([value]), 1.0)

    _, y = PROTOCOL.task("base", 0).part(*PROTOCOL.validation_set(0))
    best = PROTOCOL.choose(fit, [{"value": 3}, {"value": 5}], 0, 2)
    assert best in ({"value": 3}, {"value": 5}) and int((y == 3).sum()) == int((y == 5).sum())  # equal accuracy
    expected = PROTOCOL.support(0, 2)[0].view(32, 2, -1)[list(PROTOCOL.base)].flatten(0, 1)
    assert all(numbers == PROTOCOL.base and torch.equal(u, expected) for numbers, u in seen)


def test_ties_in_accuracy_go_to_the_lower_cross_entropy():
    right = PROTOCOL.task("base", 0).part(*PROTOCOL.validation_set(0))[1]

    def fit(task, features, labels, seed, sharpness):
        return lambda u: sharpness * torch.nn.functional.one_hot(right, 16).float()

    assert PROTOCOL.choose(fit, [{"sharpness": s} for s in (1.0, 9.0, 3.0)], 0, 1) == {"sharpness": 9.0}


def test_the_columns_are_computed_on_the_stated_images():
    columns = PROTOCOL.measure(zero_shot, [{}], 0, transfer=lambda _, task: zero_shot(task))
    u, y = PROTOCOL.test_set()
    w = PROTOCOL.task("all", 0).w
    hits = [float(int((u[i] @ w.T).argmax()) == int(y[i])) for i in range(len(y))]
    assert columns["acc_1"] == columns["acc_2"] == pytest.approx(sum(hits) / len(hits))
    new = [i for i in range(len(y)) if int(y[i]) in PROTOCOL.new]
    among = [PROTOCOL.new[int((u[i] @ w[list(PROTOCOL.new)].T).argmax())] == int(y[i]) for i in new]
    assert columns["new"] == pytest.approx(sum(among) / len(among))
    assert columns["hm"] == pytest.approx(1 / ((1 / columns["base"] + 1 / columns["new"]) / 2))
    assert columns["shift"] == pytest.approx(sum(columns[f"shift_{k}"] for k in ("sketch", "faint", "clutter")) / 3)
    assert columns["seconds"] >= 0


def test_a_probe_has_no_opinion_on_new_classes_and_learns_the_base_ones():
    columns = PROTOCOL.measure(linear_probe, [{"strength": 30.0}], 0)
    assert "new" not in columns and "hm" not in columns
    assert columns["acc_2"] > 10 / 32


def test_harmonic_mean():
    assert harmonic(0.5, 0.5) == 0.5 and harmonic(1.0, 0.0) == 0.0 and harmonic(0.0, 0.0) == 0.0
    assert harmonic(0.9, 0.6) == pytest.approx(0.72)


def test_unknown_parts_are_named():
    with pytest.raises(ValueError, match="all, base, new"):
        PROTOCOL.task("old", 0)
    with pytest.raises(ValueError, match="source, sketch, faint, clutter"):
        PROTOCOL.test_set("photo")


def test_the_shifted_images_keep_the_classes_and_change_the_pixels():
    index = range(8)
    source = PROTOCOL.images(PROTOCOL.source, 3, index)
    for _, domain in PROTOCOL.shifts:
        assert torch.equal(PROTOCOL.labels(domain, 3, index), PROTOCOL.labels(PROTOCOL.source, 3, index))
        assert (PROTOCOL.images(domain, 3, index) - source).abs().amax(dim=(1, 2, 3)).min() > 0.05


def test_zero_shot_is_neither_at_the_floor_nor_at_the_ceiling_and_a_probe_rises_above_it():
    protocol = FewShot(test=512)
    every = protocol.task("all", 10)
    zero = protocol.accuracy(zero_shot(every), every)
    low, high = (protocol.accuracy(linear_probe(every, *protocol.support(10, k), strength=30.0), every) for k in (1, 16))
    assert 0.4 < zero < 0.75 and low < zero and high > zero + 0.15


def test_zero_shot_reads_colour_and_shape_and_it_is_the_texture_that_has_to_be_learnt():
    protocol = FewShot(test=512)
    u, y = protocol.test_set()
    guess = zero_shot(protocol.task("all", 10))(u).argmax(dim=1)
    right = {}
    for attribute in ("colour", "shape", "texture"):
        values = [c[attribute] for c in protocol.classes]
        right[attribute] = sum(values[g] == values[t] for g, t in zip(guess.tolist(), y.tolist(), strict=True)) / len(y)
    assert min(right["colour"], right["shape"]) > 0.95 and 0.5 < right["texture"] < 0.7


@pytest.mark.slow
@pytest.mark.parametrize("shots", [1, 16])
def test_the_probe_is_hardly_worse_than_one_tuned_with_hindsight_on_the_test_images(shots):
    protocol = FewShot(test=512)
    every, strengths = protocol.task("all", 10), GRIDS["linear probe"]
    ours = protocol.accuracy(protocol.run(linear_probe, strengths, 10, shots)[0], every)
    u, y = protocol.support(10, shots)
    assert ours >= max(protocol.accuracy(linear_probe(every, u, y, **settings), every) for settings in strengths) - 0.03


def test_a_grid_is_every_combination_and_the_methods_on_features_get_equally_many():
    assert grid(a=(1, 2), b=("x", "y")) == [{"a": i, "b": j} for i in (1, 2) for j in ("x", "y")]
    assert {len(GRIDS[name]) for name in GRIDS if name != "CoOp"} == {12}
