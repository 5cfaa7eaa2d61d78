"""faces: robots looking at you. A head, two eyes, a mouth and a hat always stand where they belong, so that a model of
the pictures can tell parts without being told (segmentation in the style of a generator)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..scenes import World
from ..scenes.vocabulary import SHAPES
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 26_000_000
WORLD = World(resolution=64, objects=(5, 5), shapes=SHAPES, textures=2, sizes=1, distinct=False)
PARTS = ("background", "head", "eyes", "mouth", "hat")
SLOTS = {  # of the layout: x, y, radius (shares of the frame), and the shapes to choose from
    "head": (0.5, 0.57, 0.38, ("circle", "square", "hexagon")),
    "left eye": (0.37, 0.50, 0.10, ("circle", "star", "diamond", "ring")),
    "right eye": (0.63, 0.50, 0.10, ("circle", "star", "diamond", "ring")),
    "mouth": (0.5, 0.74, 0.12, ("heart", "drop", "cross", "hourglass")),
    "hat": (0.5, 0.16, 0.15, ("triangle", "house", "arrow", "bolt")),
}
JITTER = 0.03


def faces(seed: int, index) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """(images (B, 3, 64, 64), labels (B, 64, 64) long into `PARTS`, choices: slot -> (B,) long, which of its shapes).
    The eyes are alike, and differ in colour from the head."""
    batch = WORLD.batch(seed, index)
    place = batch.layout.copy()
    u = (batch.draw.uniform("face.jitter", 10) - 0.5) * 2 * JITTER
    place.angle[:], choices = 0.0, {}
    for k, (name, (x, y, radius, shapes)) in enumerate(SLOTS.items()):
        pick = batch.draw.integers("face.eyes" if "eye" in name else f"face.{name}", len(shapes))[:, 0]
        place.x[:, k], place.y[:, k] = x + u[:, 2 * k], y + u[:, 2 * k + 1]
        place.radius[:, k] = radius
        place.shape[:, k] = np.array([SHAPES.index(s) for s in shapes])[pick]
        choices[name] = torch.from_numpy(pick)
    n = len(WORLD.colours)
    place.colour[:, 1] = (place.colour[:, 0] + 1 + place.colour[:, 1] % (n - 1)) % n
    place.colour[:, 2], place.texture[:, 1:] = place.colour[:, 1], 0
    place.colour[:, 3] = (place.colour[:, 0] + 1 + place.colour[:, 3] % (n - 1)) % n
    drawn = replace(batch, layout=place)
    part = torch.tensor([1, 2, 2, 3, 4])[None, :, None, None]
    return drawn.images, (drawn.masks * part).sum(dim=1), choices


def digest() -> str:
    """sha256 of faces and their parts."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(*faces(TEST_SEED, range(60))[:2])])


FROZEN = "468b476055c09492a0c25a912c3d7efbd4fe4f34bfc446f4e40cc8f4aefd6ee3"
