"""Edits: a scene, an instruction, and the same scene after it."""

from dataclasses import replace

import numpy as np

from .batch import Batch
from .english import phrase
from .vocabulary import HIDES, POSELESS

ATTRIBUTES = ("colour", "texture", "size", "shape")


def edit(batch: Batch, number: int = 0) -> tuple[Batch, list[str]]:
    """Change one attribute of one object in each scene.

    number: which of several different edits of the same scenes. Returns the edited batch (all else equal,
    to the last pixel of noise) and the relative instructions, "make the circle red.", "make the star
    larger.", ...

    Raises:
        ValueError: a world in which nothing can be changed, or whose styles hide colours (the edit would
        not show).
    """
    world, place = batch.world, batch.layout.copy()
    styles = [s for s in world.styles if set(HIDES.get(s, ())) & set(ATTRIBUTES)]
    if styles:
        raise ValueError(f"styles {', '.join(styles)} hide attributes; edit scenes of other styles")
    open_to = [a for a in ATTRIBUTES if len(world.classes(a)) > 1]
    if not open_to:
        raise ValueError("every attribute has one value only; edits need a world with more")
    u = batch.draw.uniform(f"edit.{number}", 3)
    counts = place.present.sum(axis=1)
    slots = (u[:, 0] * counts).astype(np.int64)
    texts = []
    allowed = {tuple(c) for c in world.combinations.tolist()}
    for b, (k, how, which) in enumerate(zip(slots.tolist(), u[:, 1].tolist(), u[:, 2].tolist(), strict=True)):
        options = [(a, v) for a in open_to for v in _values(world, place, b, k, a, allowed)]
        if not options:
            raise ValueError(f"scene {b} of the batch can't be changed and stay in its split; use more sizes")
        turns = sorted({a for a, _ in options})
        attribute = turns[int(how * len(turns))]
        values = [v for a, v in options if a == attribute]
        value = values[int(which * len(values))]
        name = world.shapes[place.shape[b, k]]
        getattr(place, attribute)[b, k] = value
        if attribute == "size":
            _resize(world, batch.layout, place, b, k)
        if attribute == "shape":
            place.pose[b, k] = _pose(world, world.shapes[value], place.angle[b, k])
        texts.append(_instruction(world, attribute, value, name, batch.layout, b, k))
    return replace(batch, layout=place), texts


def _values(world, place, b: int, k: int, attribute: str, allowed: set) -> list[int]:
    """Values of an attribute that differ from the present one, keep objects distinct and stay in the
    split."""
    now = [place.shape[b, k], place.colour[b, k], place.texture[b, k]]
    out = []
    for v in range(len(world.classes(attribute))):
        if v == getattr(place, attribute)[b, k]:
            continue
        if attribute in ("shape", "colour") and v in getattr(place, attribute)[b][place.present[b]]:
            continue
        kind = [v if a == attribute else n for a, n in zip(("shape", "colour", "texture"), now, strict=True)]
        if tuple(int(x) for x in kind) in allowed:
            out.append(v)
    return out


def _resize(world, before, place, b: int, k: int) -> None:
    """Scale the object by the ratio of the two sizes' band centres."""
    n, (low, high) = len(world.sizes), world.fill
    step = (high - low) / (1.4 * n - 0.4)
    centre = [low + step * (1.4 * s + 0.5) for s in range(n)]
    place.radius[b, k] *= centre[place.size[b, k]] / centre[before.size[b, k]]


def _pose(world, shape: str, angle: float) -> int:
    """The label of the pose that an angle means for a shape."""
    if shape in POSELESS:
        return -1
    return 0 if len(world.poses) == 1 else world.poses.index("tilted" if abs(angle) > 0.2 else "upright")


def _instruction(world, attribute: str, value: int, name: str, before, b: int, k: int) -> str:
    if attribute == "size":
        return f"make the {name} {'larger' if value > before.size[b, k] else 'smaller'}."
    if attribute == "shape":
        return f"turn the {name} into {phrase({'shape': world.shapes[value]})}."
    return f"make the {name} {world.classes(attribute)[value]}."
