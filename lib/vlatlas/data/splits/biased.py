"""biased: three planted biases at once. In training a shape stands on its own background nine times out of ten, near the
centre, and some shapes are rare; the test has none of it."""

from dataclasses import replace

import numpy as np

from ..scenes import World
from ..scenes.shifts import zipf
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 25_000_000
WORLD = World(shapes=4, colours=4, textures=1, backgrounds=4, fill=(0.5, 0.7), spread=1.0)
TRAIN = WORLD(spread=0.1)
RATE, EXPONENT = 0.9, 1.0


def train(seed: int, index, rate: float = RATE, exponent: float = EXPONENT):
    """Training scenes, a Batch. rate: how often the background is the one that goes with the shape (background number k
    with shape number k); exponent: of the shapes' frequencies, 0 for equal ones.

    Raises:
        ValueError: a rate outside 0..1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate} must be within 0..1")
    batch = zipf(TRAIN.batch(seed, index), "shape", exponent)
    place = batch.layout.copy()
    tied = batch.draw.uniform("biased.tied")[:, 0] < rate
    place.background[:] = np.where(tied, place.shape[:, 0], place.background)
    return replace(batch, layout=place)


def test(size: int = 1000):
    """Test scenes, a Batch: shape, background and place are independent, shapes equally frequent."""
    return WORLD.batch(TEST_SEED, range(size))


def digest() -> str:
    """sha256 of training and test scenes."""
    return digest_of(WORLD, TRAIN, seed=TEST_SEED, texts=[fingerprint(train(0, range(100)).images)])


FROZEN = "a17b6b43f6474df317303f9af2005969a4510758bf0c0e8c981efdb33792e294"
