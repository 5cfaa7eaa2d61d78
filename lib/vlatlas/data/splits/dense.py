"""dense: scenes of 1-4 objects of 24 colour-shape names on textured backgrounds, at 64 px, with exact
masks."""

from ..scenes import World
from ._digest import digest_of

TEST_SEED, THRESHOLD_SEED = 6_000_000, 6_100_000
WORLD = World(
    resolution=64, objects=(1, 4), shapes=6, colours=4, textures=1,
    backgrounds=("dark", "grey", "noisy", "tiled"),
)  # fmt: skip
NAMES = [f"{c} {s}" for s in WORLD.shapes for c in WORLD.colours]
TEST_SIZE, THRESHOLD_SIZE = 400, 100


def labels(batch):
    """(B, H, W) long: at each pixel the index into `NAMES` of the visible object; -1 on the background."""
    name = batch.labels["shape"] * len(WORLD.colours) + batch.labels["colour"]  # garbage where there is no object
    return ((batch.masks * (name + 1).clamp(min=0)[:, :, None, None]).sum(dim=1)) - 1


def test():
    """The 400 test scenes."""
    return WORLD.batch(TEST_SEED, range(TEST_SIZE))


def digest() -> str:
    """sha256 of the test data."""
    return digest_of(WORLD, seed=TEST_SEED)


FROZEN = "822f8e65de367518f067c0ebe67bed9bfb7294c822c06e29682df3d0db75f712"
