"""Instructions about pictures, written by a teacher that sees no picture: only a caption that leaves out the size, and a box with
coordinates in tenths.

Three kinds, as LLaVA has them (Liu et al. 2023, Sec. 3): short questions with a definite answer, in two turns; a detailed
description; and a request that takes a look and a thought, "make it blue. what is it then?". Answers to test questions come from
the scene graph instead. A wording is an opening and a body; some combinations of them are the test's and occur in no instruction,
though each part does.
"""

import random
from dataclasses import dataclass, replace

from .scenes import World, parse
from .scenes.english import TEMPLATES, phrase, realise
from .scenes.statement import Thing

WORLD = World(  # of one object, as scenes-clip has seen them
    held_out="combinations", shapes=6, colours=6, backgrounds=3, spread=0.3, fill=(0.6, 0.9), rotation=10.0
)
NOVEL = WORLD(split="novel")  # its pairs of shape and colour are named by no caption, instruction or answer of `WORLD`
KINDS = ("conversation", "detail", "reasoning")
ASKED = ("colour", "shape", "texture", "background", "size")  # by conversations
EDITED = ("colour", "shape", "texture")  # by reasoning
BRIEF = ("describe the picture.", "describe this image.", "what is in this picture?", "look at the picture. what is it?")
OPENINGS = ("", "look. ", "please, ")
BODIES = {
    "conversation": ("what {a} is this?", "what is the {a}?", "which {a} is it?"),
    "detail": ("describe it in detail.", "what is there in detail?", "in detail, what is it?"),
    "reasoning": ("make it {v}. what is it then?", "once it is {v}, what is it?", "made {v}, what is it?"),
}
NEW_WORDS = ("please", "which", "size", "texture", "detail", "then")  # which the texts of scenes-lm do not have


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
    """A test question. asked: the attribute in question, "detail" or "reasoning"; truth: attribute -> value, of what a right
    answer names."""

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


def wordings(kind: str, test: bool) -> list[str]:
    """What a request of a kind may be: opening k stands before body k in the test, before all other bodies in instructions."""
    return [o + b for i, o in enumerate(OPENINGS) for j, b in enumerate(BODIES[kind]) if (i == j) == test]


def shown(facts: Thing) -> bool:
    """Is the pair of shape and colour one that `WORLD` shows?"""
    pair = (WORLD.shapes.index(facts["shape"]), WORLD.colours.index(facts["colour"]))
    return bool((WORLD.combinations[:, :2] == pair).all(axis=1).any())


def short(facts: Thing, asked: str, chance: random.Random, test: bool = False) -> tuple[str, str]:
    """A question with a definite answer."""
    value = facts[asked]
    answer = phrase({"shape": value}) if asked == "shape" else value
    return chance.choice(wordings("conversation", test)).format(a=asked), f"{answer}."


def detailed(facts: Thing) -> str:
    """Everything, in one sentence that no caption is."""
    thing = phrase({"colour": facts["colour"], "shape": facts["shape"]})
    return f"{thing}, {facts['texture']}, {facts['size']}, on a {facts['background']} background."


def edit(facts: Thing, chance: random.Random, test: bool = False) -> tuple[str, Thing, str]:
    """A request to change one attribute, what the object is then, and that as an answer. A new shape or colour makes a pair that
    `WORLD` shows."""
    a = chance.choice(EDITED)
    v = chance.choice([v for v in WORLD.classes(a) if v != facts[a] and (a == "texture" or shown({**facts, a: v}))])
    after = {k: facts[k] for k in EDITED} | {a: v}
    request = chance.choice(wordings("reasoning", test)).format(v=phrase({a: v}) if a == "shape" else v)
    return request, after, f"{phrase(after)}."


def write(told: Symbols, kind: str, chance: random.Random) -> Sample:
    """One sample of a kind by the teacher; "caption" is a brief request with the caption, in another sentence, as its answer.

    Raises:
        ValueError: an unknown kind.
    """
    if kind == "caption":
        return Sample(kind, ((chance.choice(BRIEF), realise(parse(told.caption), chance.randrange(2 * len(TEMPLATES)))),))
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use 'caption' or one of {', '.join(KINDS)}")
    facts = believed(told)
    if kind == "conversation":
        return Sample(kind, tuple(short(facts, a, chance) for a in chance.sample(ASKED, 2)))
    if kind == "detail":
        return Sample(kind, ((chance.choice(wordings(kind, False)), detailed(facts)),))
    question, _, answer = edit(facts, chance)
    return Sample(kind, ((question, answer),))


def ask(scene, kind: str, chance: random.Random, test: bool = True) -> Question:
    """One question about a scene, with its right answer by the scene graph. test: in a wording that no instruction has.

    Raises:
        ValueError: an unknown kind.
    """
    facts = known(scene)
    if kind == "conversation":
        asked = chance.choice(ASKED)
        return Question(kind, short(facts, asked, chance, test)[0], asked, {asked: facts[asked]})
    if kind == "detail":
        return Question(kind, chance.choice(wordings(kind, test)), "detail", facts)
    if kind != "reasoning":
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    question, after, _ = edit(facts, chance, test)
    return Question(kind, question, "reasoning", after)
