"""compositional: two-object scenes, a true caption against a foil (attribution, relation, order).

Built after ARO (Yuksekgonul et al. 2023). The two objects differ in shape and colour; by symmetric sampling a
string occurs as often as a truth as it does as a foil, so a scorer that sees the text alone is at 50 %.
"""

from ..scenes import World
from ..scenes.english import realise
from ..scenes.negatives import foils, shuffled
from ._digest import digest_of

TEST_SEED = 2_000_000
WORLD = World(objects=(2, 2), resolution=32)
KINDS = ("attribute", "relation", "order")


def test(kind: str, size: int = 1000):
    """(batch, truths, foils): scenes and, for each, its caption and a list of false ones (four shuffles for
    "order", one otherwise).

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    batch = WORLD.batch(TEST_SEED, range(size))
    truths = [realise(s) for s in batch.statements]
    if kind == "order":
        return (
            batch,
            truths,
            list(map(list, zip(*(shuffled(truths, batch.draw, n) for n in range(4)), strict=True))),
        )
    return batch, truths, [[realise(f)] for f in foils(batch, kind)]


def digest() -> str:
    """sha256 of scenes and foils."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[t for k in KINDS for f in test(k, 200)[2] for t in f])


FROZEN = "5dc8bcd675f458738fdfe4e5ee6c16d9572181ff5e35766047e3696fbd1b0991"
