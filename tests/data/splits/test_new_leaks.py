"""What is kept from training stays out of it: labels, categories, arrangements, objects."""

import torch

from vlatlas.data.scenes import parse
from vlatlas.data.splits import anomaly, captioning, openworld, regions, sketches, text_to_image, zero_shot_segmentation


def test_novel_pixels_carry_no_label_though_novel_objects_stand_there():
    _, y = zero_shot_segmentation.train(0, 100)
    batch = zero_shot_segmentation.WORLD.batch(zero_shot_segmentation.BASE_SEED, range(100))
    seen = set(y.unique().tolist())
    assert not seen & set(zero_shot_segmentation.NOVEL) and seen == {*zero_shot_segmentation.BASE, -1, -2}
    shape = batch.labels["shape"]
    new = torch.tensor([batch.world.shapes.index(s) for s in zero_shot_segmentation.NOVEL_SHAPES])
    hidden = (batch.masks & torch.isin(shape, new)[:, :, None, None]).any(dim=1)
    assert torch.equal(hidden, y == zero_shot_segmentation.IGNORE) and hidden.any()
    _, test = zero_shot_segmentation.test(100)
    assert set(zero_shot_segmentation.NOVEL) <= set(test.unique().tolist())


def test_boxes_of_novel_categories_are_not_handed_out():
    batch, scene, box, label, mask = regions.train(0, range(60))
    assert not set(label.tolist()) & set(regions.NOVEL) and len(label) == len(box) == len(mask) == len(scene)
    _, _, _, every, _ = regions.test(60)
    assert set(every.tolist()) == set(range(24))
    assert len(regions.boxes(batch)[2]) > len(label)  # the objects do stand there


def test_categories_to_be_tested_are_not_drawn_in_training():
    for train, test in ((sketches.TRAIN, sketches.NOVEL), (anomaly.AUXILIARY, anomaly.TARGET)):
        told = {o["shape"] for c in train.batch(0, range(3000)).captions for o in parse(c).objects}
        asked = {o["shape"] for c in test.batch(1, range(1000)).captions for o in parse(c).objects}
        assert told and asked and not told & asked


def test_the_held_out_arrangement_and_pairs_are_not_in_a_generators_training():
    batch = text_to_image.train(0, range(4000))
    assert not any(map(text_to_image.diagonal, batch.graphs)) and 3000 < len(batch) < 4000
    assert all(map(text_to_image.diagonal, text_to_image.test("relation", 50).graphs))
    assert not any(map(text_to_image.diagonal, text_to_image.test("seen", 50).graphs))
    told = {(o.colour, o.shape) for g in batch.graphs for o in g.objects}
    asked = {(o.colour, o.shape) for g in text_to_image.test("pair", 300).graphs for o in g.objects}
    assert len(told) == 48 and len(asked) == 16 and not told & asked


def test_strangers_are_of_no_known_class_and_support_is_wrong_at_the_rate():
    known = {(c["shape"], c["colour"]) for c in openworld.CLASSES}
    train = openworld.TRAIN.batch(openworld.TEST_SEED + 1, range(2000))
    assert not known & {(g.objects[0].shape, g.objects[0].colour) for g in train.graphs}
    for kind in openworld.STRANGERS:
        images = openworld.strangers(kind, 30)
        assert images.shape == (30, 3, 32, 32) and len(images.flatten(1).unique(dim=0)) > 15
    images, y, wrong = openworld.support(0, 0.4, 8)
    clean, true, none = openworld.support(0, 0.0, 8)
    assert not none.any() and wrong.float().mean().item() == round(0.4 * 128) / 128
    foreign = (images != clean).flatten(1).any(dim=1)
    assert torch.equal(foreign | (y != true), wrong) and not (foreign & (y != true)).any()
    assert abs(foreign.sum() - (y != true).sum()) <= 1


def test_novel_references_name_nothing_that_training_named():
    train = {(o["colour"], o["shape"]) for c in captioning.WORLD.batch(0, range(5000)).captions for o in parse(c).objects}
    _, references = captioning.test(novel=True, size=200)
    novel = {(o["colour"], o["shape"]) for five in references for o in parse(five[0]).objects}
    assert not train & novel and len(novel) == 16
