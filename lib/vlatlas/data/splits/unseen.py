"""unseen: what a model trained on base combinations makes of novel ones, of other styles, of a large gallery.

Train on `TRAIN` (seed = the run's seed), evaluate on the worlds below with seed `TEST_SEED`: base
combinations, novel combinations, 1,000 two-object scenes with captions of their own for retrieval, and three
styles never seen.
"""

from ..scenes import World
from ._digest import digest_of

TEST_SEED = 1_000_000
TRAIN = World(held_out="combinations")
BASE = TRAIN
NOVEL = TRAIN(split="novel")
RETRIEVAL = World(objects=(2, 2), held_out="combinations", resolution=32)
STYLES = {name: TRAIN(styles=(name,), split="all") for name in ("sketch", "photo", "inverted")}
GALLERY = 1000


def retrieval(size: int = GALLERY):
    """`size` two-object test scenes whose captions all differ: the first ones of the test sequence that do.

    Returns a Batch.
    """
    seen, index, start = set(), [], 0
    while len(index) < size:
        batch = RETRIEVAL.batch(TEST_SEED, range(start, start + size))
        for k, caption in enumerate(batch.captions):
            if caption not in seen and len(index) < size:
                seen.add(caption)
                index.append(start + k)
        start += size
    return RETRIEVAL.batch(TEST_SEED, index)


def digest() -> str:
    """sha256 of the training and test data's first samples."""
    return digest_of(TRAIN, NOVEL, RETRIEVAL, *STYLES.values(), seed=TEST_SEED)


FROZEN = "f79c2078a057c08289dfb227c226a5e27be1d4b62d395c9a62da715a7c4d07cd"
