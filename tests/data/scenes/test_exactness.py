"""Exactness over 10,000 random scenes: masks, boxes, counts, relations and captions agree."""

import pytest
import torch

from vlatlas.data.scenes import ParseError, Statement, World, parse
from vlatlas.data.scenes.vocabulary import CONVERSE, STYLES

WORLD = World(
    objects=(1, 4), shapes=16, colours=12, textures=6, sizes=3, backgrounds=8, styles=STYLES, detail="rich",
    poses=("upright", "tilted"), spread=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def batch():
    return WORLD.batch(11, range(10_000))


@pytest.mark.parametrize("overlap", [0.0, 0.4])
def test_boxes_are_the_extents_of_masks_and_counts_the_instances(overlap):
    batch = WORLD(overlap=overlap).batch(5, range(2000 if overlap else 10_000))
    assert (batch.masks.sum(dim=1) <= 1).all()  # a pixel belongs to one object
    for boxes, masks, scene in zip(batch.boxes.tolist(), batch.masks, batch.scenes, strict=True):
        shown = 0
        for box, mask in zip(boxes, masks, strict=True):
            if mask.any():
                ys, xs = torch.nonzero(mask, as_tuple=True)
                assert box == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
                shown += 1
            else:
                assert box == [0, 0, 0, 0]
        if overlap == 0:
            assert shown == len(scene.objects)


def test_captions_parse_back_to_what_was_stated_and_are_true(batch):
    for caption, statement, scene in zip(batch.captions, batch.statements, batch.graphs, strict=True):
        assert parse(caption) == statement
        assert statement.true_of(scene)


def test_every_stated_value_matters(batch):
    """Changing any one stated value makes the caption false: no two objects share a shape or a colour."""
    for statement, scene in zip(batch.statements, batch.graphs, strict=True):
        hues = {o.colour for o in scene.objects}
        thing = statement.objects[0]
        for attribute, value in thing.items():
            other = next(v for v in WORLD.classes(attribute) if v != value and (attribute != "colour" or v not in hues))
            changed = Statement(({**thing, attribute: other}, *statement.objects[1:]), (), statement.background)
            assert not changed.true_of(scene), (changed, scene)


def test_relations_are_antisymmetric_and_seen_in_the_masks(batch):
    found = 0
    for scene, masks in zip(batch.graphs, batch.masks, strict=True):
        relations = set(scene.relations())
        assert all((j, CONVERSE[r], i) in relations and (j, r, i) not in relations for i, r, j in relations)
        for i, r, j in relations:
            axis = {"left of": 1, "above": 0}.get(r)
            if axis is not None:
                a, b = (torch.nonzero(masks[k])[:, axis].float().mean() for k in (i, j))
                assert a < b
                found += 1
    assert found > 1000


def test_absent_objects_make_a_statement_false_where_they_are_present(batch):
    scene = batch.graphs[0]
    there = {"shape": scene.objects[0].shape}
    gone = {"shape": next(s for s in WORLD.shapes if s not in {o.shape for o in scene.objects})}
    assert Statement((there,), absent=(gone,)).true_of(scene)
    assert not Statement((there,), absent=(there,)).true_of(scene)
    assert not Statement((there, there)).true_of(scene)  # two distinct objects are needed


def test_a_foreign_sentence_is_refused():
    for text in ("a picture of a red dog.", "", "red circle", "a picture of a red circle"):
        with pytest.raises(ParseError):
            parse(text)
