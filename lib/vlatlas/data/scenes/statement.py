"""Statements: what a sentence says about a scene, apart from how it says it.

A caption is a statement put into words (`english.realise`); `parse` gives the statement back. A hard
negative is a changed statement, another language is another way to put the same one into words.
"""

from dataclasses import dataclass, field

from .graph import Scene
from .vocabulary import HIDES

Thing = dict[str, str]  # attribute -> value, for the attributes that are stated


@dataclass(frozen=True)
class Statement:
    """Objects with stated attributes, relations (i, relation, j) between them, background, style, and objects
    (`absent`) that the scene is said not to have. None: not stated."""

    objects: tuple[Thing, ...]
    relations: tuple[tuple[int, str, int], ...] = ()
    background: str | None = None
    style: str | None = None
    absent: tuple[Thing, ...] = field(default=())

    def true_of(self, scene: Scene) -> bool:
        """Does the scene have distinct objects that match, so related, and none of the absent ones?"""
        if self.background not in (None, scene.background) or self.style not in (None, scene.style):
            return False
        hidden = HIDES.get(scene.style, ())
        if self.background is not None and "background" in hidden:
            return False
        if any(_matches(thing, o, hidden) for thing in self.absent for o in scene.objects):
            return False
        return self._assign(scene, hidden, ())

    def _assign(self, scene: Scene, hidden, chosen: tuple[int, ...]) -> bool:
        if len(chosen) == len(self.objects):
            return all(scene.holds(chosen[i], r, chosen[j]) for i, r, j in self.relations)
        thing = self.objects[len(chosen)]
        return any(
            self._assign(scene, hidden, (*chosen, k))
            for k, o in enumerate(scene.objects)
            if k not in chosen and _matches(thing, o, hidden)
        )


def _matches(thing: Thing, obj, hidden) -> bool:
    return all(a not in hidden and obj.get(a) == v for a, v in thing.items())
