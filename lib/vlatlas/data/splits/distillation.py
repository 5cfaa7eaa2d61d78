"""distillation: one pool for teacher and students, drawn from the world that scenes-clip was trained on, so that the
teacher is at home; novel combinations show what a student took over and what it learnt by itself."""

from ..scenes import World
from ._digest import digest_of

TEST_SEED = 12_000_000
TRAIN = World(
    styles=("flat", "shaded", "photo"), held_out="combinations", detail="varied", rotation=10.0, fill=(0.6, 0.9), spread=0.3
)
NOVEL = TRAIN(split="novel")
POOL, POOL_SEED = 20_000, 12_100_000  # no scene of the teacher's own pool (seed 0)


def test(novel: bool = False, size: int = 1000):
    """Test scenes of seen or of novel combinations: a Batch."""
    return (NOVEL if novel else TRAIN).batch(TEST_SEED, range(size))


def digest() -> str:
    """sha256 of pool and tests."""
    return digest_of(TRAIN, NOVEL, seed=TEST_SEED, texts=TRAIN.batch(POOL_SEED, range(200)).captions)


FROZEN = "b904ff27d167c830d6162d70f5bd8d691e591b56e526931015651572baf622ca"
