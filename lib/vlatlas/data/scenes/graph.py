"""The scene graph: objects with attributes, boxes and places, and the relations that hold between them."""

from dataclasses import dataclass

from .vocabulary import RELATIONS

APART = 0.25  # centres this far apart (share of the frame, in a two-by-two layout) stand left of, above, ...
LARGER = 1.12  # ratio of radii


@dataclass(frozen=True)
class SceneObject:
    """One object. x, y, radius: shares of the frame, y down. box: visible extent (x0, y0, x1, y1) in pixels,
    ends exclusive, (0, 0, 0, 0) when nothing is visible, None when no pixels were made. pose is None for a
    shape without one, position for a single object that always stands near the centre."""

    shape: str
    colour: str
    texture: str
    size: str
    pose: str | None
    position: str | None
    x: float
    y: float
    radius: float
    angle: float
    box: tuple[int, int, int, int] | None

    def get(self, attribute: str) -> str | None:
        """The value of an attribute by name."""
        return getattr(self, attribute)


@dataclass(frozen=True)
class Scene:
    """A scene graph. Objects stand in painter's order: later ones are in front."""

    objects: tuple[SceneObject, ...]
    background: str
    style: str
    apart: float = APART

    def holds(self, i: int, relation: str, j: int) -> bool:
        """Is object i in this relation to object j? Raises ValueError for an unknown relation."""
        a, b = self.objects[i], self.objects[j]
        if relation == "left of":
            return b.x - a.x > self.apart
        if relation == "right of":
            return a.x - b.x > self.apart
        if relation == "above":
            return b.y - a.y > self.apart
        if relation == "below":
            return a.y - b.y > self.apart
        if relation == "larger than":
            return a.radius > LARGER * b.radius
        if relation == "smaller than":
            return b.radius > LARGER * a.radius
        raise ValueError(f"relation {relation!r} is unknown; use one of {', '.join(RELATIONS)}")

    def relations(self) -> list[tuple[int, str, int]]:
        """Every (i, relation, j) that holds."""
        n = len(self.objects)
        return [(i, r, j) for i in range(n) for j in range(n) if i != j for r in RELATIONS if self.holds(i, r, j)]
