"""anomaly: half of the objects have one of six defects. Train on eight types of object, test on eight others: what is
learnt must be what a defect is, not what an object is."""

import torch
from torch import Tensor

from ..scenes import World
from ..scenes.degrade import DEFECTS, anomalies
from ..scenes.vocabulary import SHAPES
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 23_000_000
AUXILIARY = World(resolution=64, shapes=SHAPES[:8], textures=2)
TARGET = AUXILIARY(shapes=SHAPES[8:])


def scenes(world: World, seed: int, index) -> tuple[Tensor, Tensor, Tensor]:
    """(images (B, 3, 64, 64), masks (B, 64, 64) bool of the defect, kind (B,) long: -1 without, else into `DEFECTS`). A
    defect that changed no visible pixel counts as none."""
    batch = world.batch(seed, index)
    kind = torch.from_numpy(batch.draw.integers("anomaly.kind", 2 * len(DEFECTS))[:, 0]) - len(DEFECTS)  # half below 0
    images, masks = batch.images.clone(), torch.zeros(len(batch), 64, 64, dtype=torch.bool)
    for k, name in enumerate(DEFECTS):
        made, where = anomalies(batch, name)
        rows = kind == k
        images[rows], masks[rows] = made[rows], where[rows]
    return images, masks, torch.where(masks.any(dim=(1, 2)), kind, -1)


def digest() -> str:
    """sha256 of images and masks of both halves."""
    parts = [scenes(w, TEST_SEED, range(60)) for w in (AUXILIARY, TARGET)]
    return digest_of(AUXILIARY, TARGET, seed=TEST_SEED, texts=[fingerprint(x, m) for x, m, _ in parts])


FROZEN = "c85c62496373fc2050857da9a4b977463a256ae99eff0d652c5f0624bc22f595"
