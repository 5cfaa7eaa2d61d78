"""Referring expressions for scenes of three or four objects: each is true of one box, and needs what its kind says.

Kinds: "attribute" (colour and shape, of which another object shares one), "relation" (left of, above, ..., another
object), "size" (larger or smaller than another object), "superlative" (the left, the larger, ... of its kind). In the
last three another object fits the noun as well, so that who ignores the relation has to guess.
"""

import random
from dataclasses import dataclass

from .scenes.english import phrase
from .scenes.graph import LARGER, Scene

KINDS = ("attribute", "relation", "size", "superlative")
PLACES = ("left of", "right of", "above", "below")
SIZES = ("larger than", "smaller than")
MOST = {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}
MOST |= {"larger": "larger than", "smaller": "smaller than"}


@dataclass(frozen=True)
class Expression:
    """A sentence about one object of a scene: its kind, the scene's row, the object, how many objects fit the noun."""

    text: str
    kind: str
    scene: int
    target: int
    rivals: int


def fits(o, thing: dict) -> bool:
    """Has the object these attributes?"""
    return all(o.get(a) == v for a, v in thing.items())


def _strictly(scene: Scene, i: int, relation: str, j: int) -> bool:
    """The relation without its margin: may no rule that compares centres or sizes take i for an answer?"""
    a, b = scene.objects[i], scene.objects[j]
    if relation in PLACES:
        way = {"left of": b.x - a.x, "right of": a.x - b.x, "above": b.y - a.y, "below": a.y - b.y}[relation]
        return way > -scene.apart / 4
    ratio = a.radius / b.radius if relation == "larger than" else b.radius / a.radius
    return ratio > 1 / LARGER**0.25


def expressions(scenes: list[Scene], kind: str, rng: random.Random) -> list[Expression]:
    """At most one expression of this kind for each scene, in the scenes' order.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    found = []
    for row, scene in enumerate(scenes):
        options = list(_options(scene, kind))
        if options:
            relations = sorted({r for r, *_ in options})  # each relation as often as it can be
            relation = rng.choice(relations)
            _, text, target, rivals = rng.choice([o for o in options if o[0] == relation])
            found.append(Expression(text + ".", kind, row, target, rivals))
    return found


def _options(scene: Scene, kind: str):
    """All (relation, text, target, number of rivals) of a kind."""
    things = scene.objects
    for k, o in enumerate(things):
        if kind == "attribute":
            others = [x for j, x in enumerate(things) if j != k]
            named = {"colour": o.colour, "shape": o.shape}
            near = [x for x in others if o.colour == x.colour or o.shape == x.shape]
            if near and not any(fits(x, named) for x in others):
                yield "is", phrase(named), k, len(near)
            continue
        for thing in ({"shape": o.shape}, {"colour": o.colour}):
            rivals = [j for j, x in enumerate(things) if j != k and fits(x, thing)]
            if not rivals:
                continue
            if kind == "superlative":
                for word, relation in MOST.items():
                    if all(scene.holds(k, relation, j) for j in rivals):
                        yield word, f"the {word} {phrase(thing).split(' ', 1)[1]}", k, len(rivals)
                continue
            for j, anchor in enumerate(things):
                said = {"colour": anchor.colour, "shape": anchor.shape}
                alone = sum(fits(x, said) for x in things) == 1
                if j == k or j in rivals or not alone:
                    continue
                for relation in PLACES if kind == "relation" else SIZES:
                    if scene.holds(k, relation, j) and not any(_strictly(scene, r, relation, j) for r in rivals):
                        yield relation, f"{phrase(thing)} {relation} {phrase(said)}", k, len(rivals)


def pairs(scenes: list[Scene], spatial: bool, rng: random.Random) -> list[tuple[int, str, str]]:
    """(row, true, false) sentences on the first two objects: spatial, the relation is turned round; otherwise the first
    object's colour is one that the scene does not have. Both sentences have the same form."""
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    colours = sorted({o.colour for s in scenes for o in s.objects})
    out = []
    for row, scene in enumerate(scenes):
        true = [r for r in PLACES if scene.holds(0, r, 1)]
        if not true:
            continue
        a, b = ({"colour": o.colour, "shape": o.shape} for o in scene.objects[:2])
        relation = rng.choice(true)
        absent = [c for c in colours if c not in {o.colour for o in scene.objects}]
        foil = (a, opposite[relation]) if spatial else (a | {"colour": rng.choice(absent)}, relation)
        text = "a picture of {} {} {}."
        out.append((row, text.format(phrase(a), relation, phrase(b)), text.format(phrase(foil[0]), foil[1], phrase(b))))
    return out
