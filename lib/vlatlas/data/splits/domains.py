"""domains: four rendering styles, twelve shapes; train on three styles, test on the fourth."""

from ..scenes import World
from ._digest import digest_of

TEST_SEED = 3_000_000
STYLES = ("flat", "sketch", "photo", "blueprint")
WORLD = World(shapes=12, styles=STYLES)


def leave_out(style: str):
    """(training world without the style, test world of the style alone). Raises ValueError: not one of the
    four."""
    if style not in STYLES:
        raise ValueError(f"style {style!r} is not one of the four: {', '.join(STYLES)}")
    return WORLD(styles=tuple(s for s in STYLES if s != style)), WORLD(styles=(style,))


def digest() -> str:
    """sha256 of the four styles' data."""
    return digest_of(*(leave_out(s)[1] for s in STYLES), seed=TEST_SEED)


FROZEN = "838cd039ddc7950808b1e24a08e91eeb6516ae1ff54288cfb148a1a28b302a7d"
