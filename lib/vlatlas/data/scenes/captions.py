"""What the captions of a batch state, and how they say it."""

from .english import TEMPLATES, realise
from .graph import Scene
from .rng import Draw
from .statement import Statement, Thing
from .vocabulary import HIDES, RELATIONS

DETAILS = {  # attributes of an object that a caption states, and whether it states the background
    "short": (("colour", "shape"), False),
    "full": (("size", "colour", "texture", "shape"), True),
    "rich": (("size", "pose", "colour", "texture", "shape", "position"), True),
    "varied": (("size", "colour", "texture", "shape"), True),
}
MENTIONED = {
    "size": 0.5,
    "colour": 0.7,
    "texture": 0.5,
    "background": 0.3,
}  # how often a "varied" caption does


def statements(scenes: list[Scene], draw: Draw, world) -> list[Statement]:
    """One true statement per scene, of the detail the world asks for."""
    attributes, ground = DETAILS[world.detail]
    single = {a for a, values in world.values.items() if len(values) == 1 and a != "shape"}
    attributes = tuple(a for a in attributes if a not in single)
    coins = draw.uniform("mention", len(MENTIONED)).tolist()
    picks = draw.uniform("relation", world.objects[1]).tolist()
    out = []
    for scene, coin, pick in zip(scenes, coins, picks, strict=True):
        hidden = HIDES.get(scene.style, ())
        named = [a for a in attributes if a not in hidden]
        told = ground and "background" not in hidden
        if world.detail == "varied":
            silent = {a for a, p, u in zip(MENTIONED, MENTIONED.values(), coin, strict=True) if u >= p}
            named = [a for a in named if a not in silent]
            told = told and "background" not in silent
        relations = _relations(scene, pick) if len(scene.objects) > 1 else ()
        if relations:
            named = [a for a in named if a != "position"]
        objects = tuple(_thing(o, named) for o in scene.objects)
        style = None if scene.style == "flat" else scene.style
        out.append(Statement(objects, relations, scene.background if told else None, style))
    return out


def captions(batch) -> list[str]:
    """One true sentence per scene of a batch; which sentence is drawn from its seed and index."""
    templates = batch.draw.integers("phrase", 2 * len(TEMPLATES))[:, 0].tolist()
    if batch.world.detail == "short":
        templates = [0] * len(templates)
    return [realise(s, t) for s, t in zip(batch.statements, templates, strict=True)]


def _thing(obj, named) -> Thing:
    return {a: v for a in named if (v := obj.get(a)) is not None}


def _relations(scene: Scene, picks: list[float]) -> tuple:
    """One relation that holds between the first and the second object, the third and the fourth, ..."""
    out = []
    for i in range(0, len(scene.objects) - 1, 2):
        true = [r for r in RELATIONS if scene.holds(i, r, i + 1)]
        if true:
            out.append((i, true[int(picks[i] * len(true))], i + 1))
    return tuple(out)
