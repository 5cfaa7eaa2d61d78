"""Questions about a scene with exact answers, balanced so that the question alone does not give the
answer."""

from dataclasses import dataclass

from .english import phrase
from .graph import Scene
from .vocabulary import RELATIONS

KINDS = ("exist", "count", "colour", "shape", "relation", "compare")
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Question:
    """A question, its answer, and what kind it is."""

    text: str
    answer: str
    kind: str


def ask(batch, kind: str, number: int = 0) -> list[Question | None]:
    """One question per scene (None where the scene has too few objects for it). number: which of several.

    "exist" and "relation" and "compare" are answered yes half the time: the answer is drawn first, then a
    question that has it.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    u = batch.draw.uniform(f"question.{kind}.{number}", 4).tolist()
    return [ASK[kind](scene, batch.world, *v) for scene, v in zip(batch.graphs, u, strict=True)]


def _pick(items, u: float):
    return items[int(u * len(items))]


def exist(scene: Scene, world, yes, a, b, c):
    attribute = _pick(("shape", "colour"), a)
    present = sorted({o.get(attribute) for o in scene.objects})
    pool = present if yes < 0.5 else [v for v in world.classes(attribute) if v not in present]
    if not pool:
        return None
    text = f"is there {phrase({attribute: _pick(pool, b)})}?"
    return Question(text, "yes" if yes < 0.5 else "no", "exist")


def count(scene: Scene, world, a, b, c, d):
    attribute = _pick(("size", "texture"), a)
    value = _pick(world.classes(attribute), b)
    n = sum(o.get(attribute) == value for o in scene.objects)
    return Question(f"how many {value} objects are there?", NUMBERS[n] if n < len(NUMBERS) else str(n), "count")


def colour(scene: Scene, world, a, b, c, d):
    return _unique(scene, "shape", "what colour is the {}?", "colour", a)


def shape(scene: Scene, world, a, b, c, d):
    return _unique(scene, "colour", "what shape is the {} object?", "shape", a)


def _unique(scene: Scene, key: str, text: str, asked: str, u: float):
    """About an object that `key` singles out."""
    values = [o.get(key) for o in scene.objects]
    alone = [o for o in scene.objects if values.count(o.get(key)) == 1]
    if not alone:
        return None
    o = _pick(alone, u)
    return Question(text.format(o.get(key)), o.get(asked), asked)


def relation(scene: Scene, world, yes, a, b, c):
    return _pair(scene, RELATIONS[:4], "relation", yes, a, b)


def compare(scene: Scene, world, yes, a, b, c):
    return _pair(scene, RELATIONS[4:], "compare", yes, a, b)


def _pair(scene: Scene, relations, kind: str, yes: float, a: float, b: float):
    """A relation between two objects; false ones are true the other way round, so both are as plausible."""
    names = [o.shape for o in scene.objects]
    true = [(i, r, j) for i, r, j in scene.relations() if r in relations and names.count(names[i]) == 1]
    true = [t for t in true if names.count(names[t[2]]) == 1]
    if not true:
        return None
    i, r, j = _pick(true, a)
    if yes >= 0.5:
        i, j = j, i
    return Question(f"is the {names[i]} {r} the {names[j]}?", "yes" if yes < 0.5 else "no", kind)


ASK = {
    "exist": exist,
    "count": count,
    "colour": colour,
    "shape": shape,
    "relation": relation,
    "compare": compare,
}


def dialogue(batch, turns: int = 3) -> list[list[tuple[str, str]]]:
    """Instruction dialogues: for each scene up to `turns` (question, full-sentence answer) pairs, the first
    of them a request to describe the picture."""
    out = [[("describe the picture.", c)] for c in batch.captions]
    for k in range(turns - 1):
        for turns_so_far, question in zip(out, ask(batch, KINDS[k % len(KINDS)], k), strict=True):
            if question is not None:
                turns_so_far.append((question.text, f"{question.answer}."))
    return out
