"""tokens: how much of an image a model can leave out. 64 px in 64 patches, six shapes drawn large, captions of
varying length; cost (time, FLOPs) is set against accuracy (flip, clipa, clipa-v2)."""

from ..scenes import World
from ._digest import digest_of

TEST_SEED = 11_000_000
WORLD = World(resolution=64, shapes=6, fill=(0.75, 0.95), detail="varied")
PATCH, POOL = 8, 20_000  # pixels a side of a patch; training scenes


def test(size: int = 1000):
    """Test scenes: a Batch."""
    return WORLD.batch(TEST_SEED, range(size))


def digest() -> str:
    """sha256 of the scenes and captions."""
    return digest_of(WORLD, seed=TEST_SEED)


FROZEN = "d69a5cf1474f24b7e07dea66137d3a9bd0a262c86d53d6dbb0acd3421351a682"
