"""web: a pool to curate: concepts of Zipf frequency, alt text of which a third says nothing and a third lies,
words painted into a fifth of the images. Each data paper is a function from the pool to a training set."""

from ..scenes import World
from ..scenes.degrade import paint_words
from ..scenes.shifts import zipf
from ..scenes.wording import alt_text
from ._digest import digest_of

TEST_SEED = 5_000_000
WORLD = World(shapes=12, colours=12)
SIZE, UNRELATED, GENERIC, PAINTED = 60_000, 0.3, 0.3, 0.2
WORDS = ("sale", "new", "red", "star", "blue", "ring")


def pool(seed: int, index=range(SIZE)):
    """(images (B, 3, H, W), texts, kinds, batch): kinds are "unrelated", "generic", "partial" (the useful
    ones)."""
    batch = zipf(zipf(WORLD.batch(seed, index), "shape"), "colour")
    texts, kinds = alt_text(batch, UNRELATED, GENERIC)
    images = batch.images.clone()
    u = batch.draw.uniform("web.word", 2)
    rows = [b for b in range(len(batch)) if u[b, 0] < PAINTED]
    if rows:
        words = [WORDS[int(u[b, 1] * len(WORDS))] for b in rows]
        images[rows] = paint_words(images[rows], words, batch.draw.rows(rows))[0]
    return images, texts, kinds, batch


def digest() -> str:
    """sha256 of the data and texts."""
    return digest_of(WORLD, seed=TEST_SEED, texts=pool(0, range(300))[1])


FROZEN = "a7c7f847b33d34f885e940d844f8fa3652e47b0aad2e69e7afecce8c67fd6e5b"
