"""Instructions about pictures, written by a teacher that sees no picture: only a caption that leaves out the size, and a box with
coordinates in tenths.

Three kinds, as LLaVA has them (Liu et al. 2023, Sec. 3): short questions with a definite answer, in two turns; a detailed
description; and a request that takes two steps, "make it blue. what is it then?". Answers to test questions come from the scene
graph instead, and the test's wordings occur in no instruction.
"""

import random
from dataclasses import dataclass, replace

from .scenes import World, parse
from .scenes.english import TEMPLATES, phrase, realise
from .scenes.statement import Thing

WORLD = World(held_out="combinations", spread=0.3, fill=(0.6, 0.9), rotation=10.0)  # of one object, as scenes-clip has seen them
NOVEL = WORLD(split="novel")  # its pairs of shape and colour are named by no caption, instruction or answer of `WORLD`
KINDS = ("conversation", "detail", "reasoning")
ASKED = ("colour", "shape", "texture", "background", "size", "exist")  # by conversations
EDITED = ("colour", "shape", "texture")  # by reasoning
NEW_WORDS = ("size", "texture", "detail", "then")  # which the texts of scenes-lm do not have
BRIEF = ("describe the picture.", "describe this image.", "what is in this picture?", "look at the picture. what is it?")
WORDINGS = {  # the last of each is the test's
    "attribute": ("what {a} is the {o}?", "what is the {a} of the {o}?", "look at the {o}. what {a} is it?",
                  "in this picture, the {o} is of what {a}?"),
    "background": ("what is the background?", "how is the background?", "look at the background. what is it?",
                   "in this picture, the background is what?"),
    "exist": ("is there {thing}?", "is this {thing}?", "look at the picture. is there {thing}?",
              "in this picture, is there {thing}?"),
    "detail": ("describe the picture in detail.", "look at the picture and describe it in detail.", "what is there in detail?",
               "in detail, describe this image."),
    "reasoning": ("make the {o} {v}. what is it then?", "turn the {o} into {v}. what is it then?",
                  "look at the {o} and make it {v}. what is it then?", "we turn the {o} into {v}. then what is it?"),
}  # fmt: skip


@dataclass(frozen=True)
class Symbols:
    """All that the teacher gets: a caption, the name in the box, and the box (x0, y0, x1, y1) in tenths of the frame."""

    caption: str
    name: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True)
class Sample:
    """An instruction and its answer, or two of each. kind: one of `KINDS`, or "caption"."""

    kind: str
    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """A test question. asked: the attribute in question, "exist", "detail" or "reasoning"; truth: attribute -> value, of what a
    right answer names; for "exist", {"exist": "yes"} or "no"."""

    kind: str
    text: str
    asked: str
    truth: dict[str, str]


def symbols(batch) -> list[Symbols]:
    """What the teacher is told of each scene of a batch with one object: the batch's captions, but no size."""
    side, out = batch.world.resolution, []
    templates = batch.draw.integers("phrase", 2 * len(TEMPLATES))[:, 0].tolist()
    for scene, stated, template in zip(batch.scenes, batch.statements, templates, strict=True):
        (o,), (thing,) = scene.objects, stated.objects
        sizeless = replace(stated, objects=({a: v for a, v in thing.items() if a != "size"},))
        out.append(Symbols(realise(sizeless, template), o.shape, tuple(round(10 * x / side) for x in o.box)))
    return out


def size_of(box: tuple[int, int, int, int]) -> str:
    """The size by a box in tenths: large from seven tenths of the frame on. Some shapes fill less of their disc than others, so
    this is wrong at times."""
    x0, y0, x1, y1 = box
    return "large" if max(x1 - x0, y1 - y0) >= 7 else "small"


def believed(told: Symbols) -> Thing:
    """The teacher's idea of the scene, attribute -> value: what the caption states, and the size by the box."""
    statement = parse(told.caption)
    return {**statement.objects[0], "background": statement.background, "size": size_of(told.box)}


def known(scene) -> Thing:
    """The same by the scene graph."""
    o = scene.objects[0]
    return {"colour": o.colour, "texture": o.texture, "shape": o.shape, "background": scene.background, "size": o.size}


def _called(facts: Thing, chance: random.Random) -> str:
    return chance.choice(("object", facts["shape"]))


def _told(value: str, attribute: str) -> str:
    return f"it is {phrase({'shape': value}) if attribute == 'shape' else value}."


def _shown(facts: Thing, world: World) -> bool:
    pair = (world.shapes.index(facts["shape"]), world.colours.index(facts["colour"]))
    return bool((world.combinations[:, :2] == pair).all(axis=1).any())


def _wording(name: str, chance: random.Random, test: bool) -> str:
    return WORDINGS[name][-1] if test else chance.choice(WORDINGS[name][:-1])


def short(facts: Thing, asked: str, world: World, chance: random.Random, test: bool = False) -> tuple[str, str]:
    """A question with a definite answer. "exist" is answered yes half the time; what is asked for is a shape or a colour."""
    if asked == "exist":
        a, yes = chance.choice(("shape", "colour")), chance.random() < 0.5
        v = facts[a] if yes else chance.choice([v for v in world.classes(a) if v != facts[a]])
        return _wording("exist", chance, test).format(thing=phrase({a: v})), "yes." if yes else "no."
    name = asked if asked in WORDINGS else "attribute"
    called = "object" if asked == "shape" else _called(facts, chance)
    return _wording(name, chance, test).format(a=asked, o=called), _told(facts[asked], asked)


def detailed(facts: Thing) -> str:
    """Everything, one fact a sentence."""
    thing = phrase({"colour": facts["colour"], "shape": facts["shape"]})
    rest = f"it is {facts['texture']}. it is {facts['size']}. the background is {facts['background']}."
    return f"there is {thing}. {rest}"


def edit(facts: Thing, world: World, chance: random.Random, test: bool = False) -> tuple[str, Thing, str]:
    """A request to change one attribute, what the object is then, and an answer that names it as it is before it names it
    as it would be. Unless in a test, it becomes no held-out pair of shape and colour."""
    a = chance.choice(EDITED)
    v = chance.choice([v for v in world.classes(a) if v != facts[a] and (test or _shown({**facts, a: v}, world))])
    wording = _wording("reasoning", chance, test)
    into = phrase({a: v}) if a == "shape" or "into" in wording else v
    before = {k: facts[k] for k in ("colour", "texture", "shape")}
    after = {**before, a: v}
    called = "object" if a == "shape" else _called(facts, chance)
    return wording.format(o=called, v=into), after, f"it is {phrase(before)}. then it is {phrase(after)}."


def write(told: Symbols, kind: str, world: World, chance: random.Random) -> Sample:
    """One sample of a kind by the teacher; "caption" is a brief request with the caption as its answer.

    Raises:
        ValueError: an unknown kind.
    """
    if kind == "caption":
        return Sample(kind, ((chance.choice(BRIEF), told.caption),))
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use 'caption' or one of {', '.join(KINDS)}")
    facts = believed(told)
    if kind == "conversation":
        return Sample(kind, tuple(short(facts, a, world, chance) for a in chance.sample(ASKED, 2)))
    if kind == "detail":
        return Sample(kind, ((_wording("detail", chance, False), detailed(facts)),))
    question, _, answer = edit(facts, world, chance)
    return Sample(kind, ((question, answer),))


def ask(scene, kind: str, world: World, chance: random.Random, test: bool = True) -> Question:
    """One question about a scene, with its right answer by the scene graph. test: in the wording that no instruction has.

    Raises:
        ValueError: an unknown kind.
    """
    facts = known(scene)
    if kind == "conversation":
        asked = chance.choice(ASKED)
        question, answer = short(facts, asked, world, chance, test)
        return Question(kind, question, asked, {asked: answer.rstrip(".") if asked == "exist" else facts[asked]})
    if kind == "detail":
        return Question(kind, _wording("detail", chance, test), "detail", facts)
    if kind != "reasoning":
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    question, after, _ = edit(facts, world, chance, test)
    return Question(kind, question, "reasoning", after)
