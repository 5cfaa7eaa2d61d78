"""noisy: twelve classes (4 shapes x 3 textures), 300 images each, a share of the labels wrong; a clean test
set."""

import torch

from ..scenes import World
from ..scenes.shifts import label_noise
from ._digest import digest_of

TEST_SEED = 4_000_000
WORLD = World(shapes=("circle", "square", "triangle", "star"), textures=3)
CLASSES = [f"{t} {s}" for s in WORLD.shapes for t in WORLD.textures]
TRAIN_SIZE, RATES = 300 * len(CLASSES), (0.2, 0.4, 0.6)


def labels(batch) -> torch.Tensor:
    """(B,) long: the class of each scene, an index into `CLASSES`."""
    return batch.labels["shape"][:, 0] * len(WORLD.textures) + batch.labels["texture"][:, 0]


def train(seed: int, rate: float, kind: str = "symmetric", size: int = TRAIN_SIZE):
    """(batch, noisy labels, mask of the wrong ones). kind "symmetric" or "lookalike" (the next texture)."""
    batch = WORLD.batch(seed, range(size))
    return batch, *label_noise(labels(batch), CLASSES, rate, batch.draw, kind)


def test(size: int = 1200):
    """(batch, true labels)."""
    batch = WORLD.batch(TEST_SEED, range(size))
    return batch, labels(batch)


def digest() -> str:
    """sha256 of the data and of the noisy labels."""
    noise = [str(train(0, r, k, 300)[1].tolist()) for r in RATES for k in ("symmetric", "lookalike")]
    return digest_of(WORLD, seed=TEST_SEED, texts=noise)


FROZEN = "e47ddfc872784ba4cb8fa602db193e51b9f34dd1fadd9100351465378f9b6caf"
