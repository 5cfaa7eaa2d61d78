"""binding: eight senses of one scene. Pairs are served for one edge of the pairing graph at a time, from
scenes that no other edge uses; only the test set has all senses of the same scene."""

from ..scenes import World
from ..scenes import senses as s
from ..scenes.dense import depth
from ._digest import digest_of

TEST_SEED = 9_000_000
WORLD = World()
SENSES = {
    "image": lambda b: b.images,
    "text": lambda b: b.captions,
    "audio": lambda b: s.log_mel(s.waveform(b)),
    "depth": depth,
    "thermal": s.thermal,
    "imu": s.imu,
    "points": s.point_cloud,
    "map": s.map_position,
}
HUB_CANNOT_SHOW = "gesture"  # `senses.stick_figure` moves independently of the scene: it must stay at chance


def pairs(a: str, b: str, seed: int, index):
    """The two senses of the same scenes. The seed is mixed with the edge, so that edges share no scene.

    Raises:
        ValueError: a sense that there is not, or an edge from a sense to itself.
    """
    if a == b or not {a, b} <= set(SENSES):
        raise ValueError(f"edge {a!r}-{b!r} must join two of {', '.join(SENSES)}")
    names = sorted(SENSES)
    first, second = sorted((names.index(a), names.index(b)))
    batch = WORLD.batch(seed * 64 + first * 8 + second, index)
    return SENSES[a](batch), SENSES[b](batch)


def test(size: int = 500) -> dict:
    """All senses of the same test scenes."""
    batch = WORLD.batch(TEST_SEED, range(size))
    return {name: sense(batch) for name, sense in SENSES.items()}


def digest() -> str:
    """sha256 of the scenes; the senses' own digests are in the tests."""
    return digest_of(WORLD, seed=TEST_SEED)


FROZEN = "1f5d87cfffc6cc46694e6021ae2e31c0eb71ef5f4bb5b16d817f10eccbe42aa9"
