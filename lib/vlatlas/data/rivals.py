"""Rivals of described scenes: the same scene with one fact changed, so that one sentence of its description is false of it."""

from dataclasses import replace

import numpy as np

from .scenes.batch import Batch
from .splits.longtext import SENTENCES, descriptions

FACTS = ("colour 1", "colour 2", "texture 1", "size 1", "texture 2", "size 2", "relation", "relation or background")


def tellable(batch: Batch) -> list[int]:
    """Rows of scenes of two objects whose descriptions have eight sentences, each of which can become false by itself: the last
    two are "left of", "right of", "above", "below" or the background, for larger and smaller follow from the sizes."""
    out = []
    for b, told in enumerate(descriptions(batch)):
        if len(told) == SENTENCES and not any("larger" in t or "smaller" in t for t in told[6:]):
            out.append(b)
    return out


def rival(batch: Batch, k: int) -> Batch:
    """The scenes with the fact of sentence k (1..8) changed; all else stays, to the last pixel of noise (an object that
    grows moves back into its cell where it would stick out).

    Raises:
        ValueError: k outside 1..8, or scenes that are not `tellable`.
    """
    if not 1 <= k <= SENTENCES:
        raise ValueError(f"sentence {k} must be within 1..{SENTENCES}")
    if len(tellable(batch)) < len(batch):
        raise ValueError("a sentence of these scenes follows from others; take the rows that tellable() names")
    world, place, rows = batch.world, batch.layout.copy(), np.arange(len(batch))
    pick = batch.draw.uniform(f"rival.{k}")[:, 0]
    slot = (0, 1, 0, 0, 1, 1)[k - 1] if k <= 6 else None
    if k <= 2:
        place.colour[:, slot] = _other(place.colour, len(world.colours), pick)
    elif k in (3, 5):
        place.texture[:, slot] = _other(place.texture[:, [slot]], len(world.textures), pick)
    elif k in (4, 6):
        step = (world.fill[1] - world.fill[0]) / (1.4 * len(world.sizes) - 0.4)  # from one band of sizes to the next: 1.4 steps
        up = 1 - 2 * place.size[:, slot]
        place.size[:, slot] += up
        place.radius[:, slot] += up * 1.4 * step / 2 / world.grid
        room = 0.5 / world.grid - place.radius[:, slot]  # a larger object moves back into its cell where it would stick out
        for axis in (place.x, place.y):
            centre = (np.floor(axis[:, slot] * world.grid) + 0.5) / world.grid
            axis[:, slot] = centre + np.clip(axis[:, slot] - centre, -room, room)
    else:
        told = [t[k - 1] for t in descriptions(batch)]
        for words, axis in ((("left of", "right of"), place.x), (("above", "below"), place.y)):
            turned = rows[[any(w in t for w in words) for t in told]]
            axis[turned] = 1 - axis[turned]
        ground = rows[["background" in t for t in told]]
        place.background[ground] = _other(place.background[ground, None], len(world.backgrounds), pick[ground])
    return replace(batch, layout=place)


def _other(taken: np.ndarray, count: int, pick: np.ndarray) -> np.ndarray:
    """For each row of taken (B, m) a value below count that is not among them, number pick (B,) in [0, 1) of those left."""
    free = np.ones((len(taken), count), dtype=bool)
    free[np.arange(len(taken))[:, None], taken] = False
    number = (pick * free.sum(axis=1)).astype(np.int64)  # (B,)
    return (free.cumsum(axis=1) == number[:, None] + 1).argmax(axis=1)
