"""Captions against scene graphs: by hand, and by sentences whose truth is known."""

import pytest

from vlatlas.data.scenes import Scene, SceneObject
from vlatlas.data.splits import captioning
from vlatlas.evals.caption_facts import facts, named


def thing(shape, colour, x):
    return SceneObject(shape, colour, "plain", "small", None, None, x, 0.5, 0.1, 0.0, None)


TWO = Scene((thing("star", "red", 0.2), thing("ring", "blue", 0.8)), "dark", "flat")


def test_objects_are_read_from_any_sentence():
    assert named("there is a small red star. the star is plain.") == [
        {"size": "small", "colour": "red", "shape": "star"},
        {"shape": "star"},
    ]
    assert named("a scarlet disc, red, and nothing") == [{"colour": "red", "shape": "circle"}]
    assert named("") == []


def test_swapped_colours_keep_the_attributes_and_lose_the_binding():
    true = "a picture of a small red plain star left of a small blue plain ring."
    swapped = true.replace("red", "x").replace("blue", "red").replace("x", "blue")
    right, wrong = facts([true], [TWO]), facts([swapped], [TWO])
    assert (right.attributes, right.binding, right.true, right.complete) == (1, 1, 1, 1)
    assert wrong.attributes == 1 and wrong.true == 0
    assert wrong.binding == pytest.approx(4 / 6)  # the two colours of six pairs are wrong


def test_half_of_a_scene_is_true_but_not_complete():
    half = facts(["a picture of a small red plain star."], [TWO])
    assert half.attributes == pytest.approx(2 * 4 / (4 + 8)) and (half.true, half.complete) == (1, 0)


def test_gibberish_that_names_the_values_is_not_true():
    mess = facts(["red star star"], [TWO])
    assert mess.true == 0 and mess.attributes == pytest.approx(2 * 2 / (3 + 8)) and mess.binding == pytest.approx(2 / (1 + 6))


def test_all_references_are_true_and_those_of_other_scenes_are_not():
    batch, references = captioning.test(size=60)
    for k in range(5):
        told = facts([r[k] for r in references], batch.graphs)
        assert told.true == told.attributes == told.binding == told.complete == 1
    others = facts([r[0] for r in references[1:] + references[:1]], batch.graphs)
    assert others.true < 0.05 and others.binding < others.attributes < 0.6


def test_counts_must_agree():
    with pytest.raises(ValueError, match="2 captions and 1 scenes"):
        facts(["a", "b"], [TWO])
