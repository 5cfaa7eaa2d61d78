"""text_to_image: what a generator learns to draw and what it has to compose: a quarter of the pairs of shape and colour,
and every scene in which one object stands both above and left of the other, are kept from its training."""

from ..scenes import World
from ..scenes.graph import Scene
from ._digest import digest_of

TEST_SEED = 29_000_000
WORLD = World(objects=(1, 2), held_out="combinations", detail="varied")
NOVEL = WORLD(split="novel")
KINDS = ("seen", "pair", "relation")


def diagonal(scene: Scene) -> bool:
    """Does an object stand both above and left of another?"""
    n = range(len(scene.objects))
    return any(i != j and scene.holds(i, "above", j) and scene.holds(i, "left of", j) for i in n for j in n)


def train(seed: int, index):
    """Training scenes, a Batch: those of `index` that are not held out (about seven in eight)."""
    batch = WORLD.batch(seed, index)
    return WORLD.batch(seed, [i for i, scene in zip(batch.draw.index.tolist(), batch.graphs, strict=True) if not diagonal(scene)])


def test(kind: str, size: int = 500):
    """Test scenes and their captions as prompts, a Batch: as in training ("seen"), novel pairs of shape and colour in one
    object ("pair"), or the held-out arrangement of known things ("relation").

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    world = (NOVEL if kind == "pair" else WORLD)(detail="full")
    if kind == "pair":
        return world(objects=(1, 1)).batch(TEST_SEED, range(size))
    index = range(40 * size)
    graphs = world.batch(TEST_SEED, index).graphs
    return world.batch(TEST_SEED, [i for i, g in zip(index, graphs, strict=True) if diagonal(g) == (kind == "relation")][:size])


def digest() -> str:
    """sha256 of training and test scenes."""
    texts = [t for k in KINDS for t in test(k, 30).captions] + train(0, range(200)).captions
    return digest_of(WORLD, NOVEL, seed=TEST_SEED, texts=texts)


FROZEN = "a2a5846ad301a23c85b822434131640a8da5656cf4f53098adbd5b542caa28c8"
