"""sketches: find the photo of which this is the sketch. The sketch is drawn by an unsteady hand: moved, turned and scaled.
24 categories (shape and texture) to train on, 8 of other shapes to test on; a gallery holds photos of one category."""

from dataclasses import replace

import torch
from torch import Tensor

from ..scenes import World
from ..scenes.vocabulary import SHAPES
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 17_000_000
UNSEEN = SHAPES[3::4]
TRAIN = World(shapes=tuple(s for s in SHAPES if s not in UNSEEN), textures=2, spread=0.5, fill=(0.4, 0.8), rotation=20.0)
NOVEL = TRAIN(shapes=UNSEEN)
GALLERY = 21  # a photo and twenty others of its category


def pairs(world: World, seed: int, index) -> tuple[Tensor, Tensor, object]:
    """(sketches, photos, batch of the photos) of the same scenes."""
    photo = world(styles=("photo",)).batch(seed, index)
    sketch = world(styles=("sketch",)).batch(seed, index)
    place, u = sketch.layout.copy(), sketch.draw.uniform("sketch.hand", 4) - 0.5
    place.x += 0.1 * u[:, :1]
    place.y += 0.1 * u[:, 1:2]
    place.angle += 0.5 * u[:, 2:3]
    place.radius *= 1 + 0.2 * u[:, 3:]
    return replace(sketch, layout=place).images, photo.images, photo


def galleries(unseen: bool = True) -> list[tuple[Tensor, Tensor]]:
    """For each category (sketches, photos), (21, 3, H, W) each: row i of one belongs to row i of the other."""
    world = NOVEL if unseen else TRAIN
    kinds = [(s, t) for s in world.shapes for t in world.textures]
    return [pairs(world(shapes=(s,), textures=(t,)), TEST_SEED, range(GALLERY))[:2] for s, t in kinds]


def digest() -> str:
    """sha256 of the galleries of unseen categories."""
    return digest_of(TRAIN, NOVEL, seed=TEST_SEED, texts=[fingerprint(torch.cat(g)) for g in galleries()[:2]])


FROZEN = "903784e8b5fa5a956e575dff52bf59aec4f6eb9e4275034a64f30cbba79a3f8e"
