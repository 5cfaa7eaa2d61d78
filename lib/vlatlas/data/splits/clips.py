"""clips: text and video retrieval. Captions that tell only what is seen ("static"), what it does ("motion"), or who moves
first ("order"); slow and fast sets show the same motion in many or few frames."""

from ..scenes import World
from ..scenes.video import Clip
from ..scenes.video import clips as moving
from ._digest import digest_of

TEST_SEED = 32_000_000
WORLD = World(fill=(0.4, 0.6), spread=0.3)
TWO = WORLD(objects=(2, 2))
SUBSETS = ("static", "motion", "order")
SPEEDS = {"slow": 16, "normal": 8, "fast": 4}  # frames of one and the same motion
GALLERY = 500


def subset(kind: str, seed: int, index, speed: str = "normal") -> tuple[Clip, list[str]]:
    """(clip, captions). "static": the captions of the still scenes, while the objects move. "order": two objects, one moves
    after the other.

    Raises:
        ValueError: an unknown kind or speed.
    """
    if kind not in SUBSETS or speed not in SPEEDS:
        raise ValueError(f"kind {kind!r} must be of {', '.join(SUBSETS)}, speed {speed!r} of {', '.join(SPEEDS)}")
    batch = (TWO if kind == "order" else WORLD).batch(seed, index)
    clip = moving(batch, SPEEDS[speed], order=kind == "order")
    return clip, batch.captions if kind == "static" else clip.captions


def gallery(kind: str, size: int = GALLERY, speed: str = "normal") -> tuple[Clip, list[str]]:
    """`size` test clips whose captions all differ.

    Raises:
        ValueError: fewer different captions than that among the first 3 * size scenes.
    """
    world = TWO if kind == "order" else WORLD
    if kind == "static":
        told = world.batch(TEST_SEED, range(3 * size)).captions
    else:
        told = _told(world, kind, range(3 * size))
    index = list({t: i for i, t in reversed(list(enumerate(told)))}.values())
    if len(index) < size:
        raise ValueError(f"only {len(index)} different captions of kind {kind!r}; ask for a smaller gallery than {size}")
    return subset(kind, TEST_SEED, sorted(index)[:size], speed)


def _told(world: World, kind: str, index) -> list[str]:
    """Captions without large pictures: a clip's words do not depend on its pixels."""
    return moving(world.batch(TEST_SEED, index), 2, order=kind == "order").captions


def digest() -> str:
    """sha256 of scenes and captions."""
    return digest_of(WORLD, TWO, seed=TEST_SEED, texts=[t for k in SUBSETS for t in subset(k, TEST_SEED, range(100))[1]])


FROZEN = "d9517106d8a6f6d38df2c7416835871cf8efa85d15e2af2f475e88b06a1340e7"
