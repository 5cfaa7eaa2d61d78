"""painted: a word stands in the picture: the name of the shape, the name of another one, or none. To be found (masks of
the letters), read, or withstood (a model that reads is misled)."""

import torch
from torch import Tensor

from ..scenes import World
from ..scenes.degrade import paint_words
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 22_000_000
WORLD = World(resolution=64)
KINDS = ("none", "relevant", "misleading")


def scenes(kind: str, seed: int, index) -> tuple[Tensor, Tensor, list[str], object]:
    """(images (B, 3, 64, 64), masks (B, 64, 64) bool of the letters, words, batch). Words are names of shapes; "" for none.

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
    batch = WORLD.batch(seed, index)
    if kind == "none":
        return batch.images, torch.zeros(len(batch), 64, 64, dtype=torch.bool), [""] * len(batch), batch
    shape = batch.layout.shape[:, 0]
    if kind == "misleading":
        shape = (shape + 1 + batch.draw.integers("painted.other", 7)[:, 0]) % len(WORLD.shapes)
    words = [WORLD.shapes[s] for s in shape]
    return *paint_words(batch.images, words, batch.draw), words, batch


def digest() -> str:
    """sha256 of painted images and letters."""
    parts = [scenes(k, TEST_SEED, range(60)) for k in KINDS]
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(x, m) for x, m, *_ in parts])


FROZEN = "28f5d271542755c05a52bdc23d2f01beb85937e2f0763ce098ffc0989153b91c"
