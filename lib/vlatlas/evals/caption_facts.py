"""What a caption says about a scene, compared with what is there: a score that only a drawn world can give."""

from collections import Counter
from dataclasses import dataclass

from ..data.scenes import ParseError, parse
from ..data.scenes.vocabulary import ATTRIBUTE_OF
from ..data.scenes.wording import canonical
from .caption_scores import plain

NAMED = ("size", "colour", "texture", "shape")


def named(text: str) -> list[dict[str, str]]:
    """The objects that any text names: a run of attribute words that ends with a shape, each as attribute -> value."""
    out, thing = [], {}
    for word in plain(canonical(text)):
        attribute = ATTRIBUTE_OF.get(word)
        if attribute is None:
            thing = {}
        else:
            thing[attribute] = word
        if attribute == "shape":
            out.append(thing)
            thing = {}
    return out


@dataclass(frozen=True)
class Facts:
    """Means over captions. attributes: F1 of the multiset of values named, whoever has them; binding: F1 of pairs (shape, another
    attribute's value) of one object; true: share that are a sentence of the grammar, true of the scene; complete: share
    that are true and name all objects with all attributes."""

    attributes: float
    binding: float
    true: float
    complete: float


def facts(captions: list[str], graphs) -> Facts:
    """Scores of one caption for each scene graph; see `Facts`.

    Raises:
        ValueError: not as many captions as scenes, or none.
    """
    if len(captions) != len(graphs) or not captions:
        raise ValueError(f"{len(captions)} captions and {len(graphs)} scenes; give one caption to each of at least one")
    rows = [_one(text, scene) for text, scene in zip(captions, graphs, strict=True)]
    return Facts(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def _one(text: str, scene) -> tuple[float, float, float, float]:
    said = named(text)
    there = [{a: o.get(a) for a in NAMED} for o in scene.objects]
    true = _true(text, scene)
    whole = true and len(said) == len(there) and all(len(thing) == len(NAMED) for thing in said)
    return _f1(_values(said), _values(there)), _f1(_bound(said), _bound(there)), float(true), float(whole)


def _values(things) -> Counter:
    return Counter(value for thing in things for value in thing.values())


def _bound(things) -> Counter:
    return Counter((thing["shape"], v) for thing in things for a, v in thing.items() if a != "shape")


def _f1(said: Counter, there: Counter) -> float:
    return 2 * (said & there).total() / max(1, said.total() + there.total())


def _true(text: str, scene) -> bool:
    try:
        return parse(canonical(text)).true_of(scene)
    except ParseError:
        return False
