"""Expressions are true of their target alone, need their relation, and do not give the answer away."""

import random

import pytest

from vlatlas.data.referring import KINDS, MOST, expressions, pairs
from vlatlas.data.scenes import Statement, World
from vlatlas.methods.reclip import parse
from vlatlas.protocols.referring import WORLD

SCENES = WORLD.batch(5, range(600)).graphs
ATTRIBUTES = {w: a for a in ("colour", "shape") for w in World().classes(a)}
WORDS = {"left": "left of", "right": "right of", "above": "above", "below": "below"}
WORDS |= {"larger": "larger than", "smaller": "smaller than"}


def thing(text):
    return {ATTRIBUTES[w]: w for w in text.split()[1:] if w in ATTRIBUTES}


def matches(scene, said):
    return [k for k, o in enumerate(scene.objects) if all(o.get(a) == v for a, v in said.items())]


@pytest.mark.parametrize("kind", KINDS)
def test_true_of_the_target_and_of_no_other_box(kind):
    found = expressions(SCENES, kind, random.Random(0))
    assert len(found) > 50
    for e in found:
        scene, node = SCENES[e.scene], parse(e.text)
        fitting = matches(scene, thing(node.text))
        if kind == "attribute":
            assert fitting == [e.target] and e.rivals >= 1
            continue
        assert e.target in fitting and len(fitting) == e.rivals + 1 >= 2, e.text  # the noun alone does not decide
        if kind == "superlative":
            (relation,) = node.superlatives
            holding = [k for k in fitting if all(scene.holds(k, WORDS[relation], j) for j in fitting if j != k)]
        else:
            ((relation, child),) = node.relations
            (anchor,) = matches(scene, thing(child.text))
            holding = [k for k in fitting if k != anchor and scene.holds(k, WORDS[relation], anchor)]
        assert holding == [e.target], e.text


def test_the_words_do_not_tell_the_box():
    """Neither the place in the list nor a relation's word betrays the target: whoever always takes slot k is near chance."""
    found = [e for kind in KINDS for e in expressions(SCENES, kind, random.Random(1))]
    for slot in range(3):
        assert 0.15 < sum(e.target == slot for e in found) / len(found) < 0.45
    relational = expressions(SCENES, "relation", random.Random(1))
    for word in ("left of", "right of", "above", "below"):
        assert 0.1 < sum(word in e.text for e in relational) / len(relational) < 0.45
    assert {e.text.split()[1] for e in expressions(SCENES, "superlative", random.Random(1))} == set(MOST)


@pytest.mark.parametrize("spatial", [True, False])
def test_pairs_are_a_truth_and_a_falsehood_of_one_form(spatial):
    scenes = World(objects=(2, 2)).batch(3, range(100)).graphs
    found = pairs(scenes, spatial, random.Random(0))
    assert len(found) > 50
    for row, true, false in found:
        verdicts = []
        for text in (true, false):
            node = parse(text.replace("a picture of ", ""))
            ((relation, child),) = node.relations
            said = Statement((thing(node.text), thing(child.text)), ((0, WORDS[relation], 1),))
            verdicts.append(said.true_of(scenes[row]))
        assert verdicts == [True, False] and len(true.split()) == len(false.split())


def test_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'depth' is unknown"):
        expressions(SCENES, "depth", random.Random(0))
