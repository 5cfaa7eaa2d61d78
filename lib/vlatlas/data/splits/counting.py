"""counting: two categories, one to eight of each, counts independent; all objects of one size, so that neither size nor
free space tells the number. In a crowd they overlap."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..scenes import World
from ..scenes.english import phrase
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 21_000_000
WORLD = World(
    resolution=64, objects=(16, 16), textures=1, sizes=1, backgrounds=2, fill=(0.7, 0.9), distinct=False, detail="short"
)
CROWD = WORLD(overlap=0.35, fill=(0.8, 1.0))
MOST = 8


def scenes(seed: int, index, crowd: bool = False) -> tuple[object, list[tuple[str, str]], Tensor]:
    """(batch, names, counts): for each scene the two categories as phrases ("a red star") and how many there are of each,
    counts (B, 2) long in 1..8. The batch's masks are those of the objects, of the first category first."""
    batch = (CROWD if crowd else WORLD).batch(seed, index)
    place = batch.layout.copy()
    counts = 1 + batch.draw.integers("counting.number", MOST, 2)  # (B, 2)
    other = batch.draw.integers("counting.other", 7, 2) + 1
    kinds = {}
    for k, a in enumerate(("shape", "colour")):
        first = getattr(place, a)[:, 0].copy()
        kinds[a] = np.stack([first, (first + other[:, k]) % 8], axis=1)  # (B, 2), different
    slot = np.arange(16)[None, :]
    which = (slot >= counts[:, :1]).astype(np.int64)  # (B, 16): first or second category
    for a, pair in kinds.items():
        getattr(place, a)[:] = np.take_along_axis(pair, which, axis=1)
    place.present[:] = slot < counts.sum(axis=1, keepdims=True)
    shapes, colours = WORLD.shapes, WORLD.colours
    pairs = zip(kinds["shape"].tolist(), kinds["colour"].tolist(), strict=True)
    names = [tuple(phrase({"colour": colours[c], "shape": shapes[s]}) for s, c in zip(*p, strict=True)) for p in pairs]
    return replace(batch, layout=place), names, torch.from_numpy(counts)


def digest() -> str:
    """sha256 of the first scenes, apart and in a crowd."""
    parts = [scenes(TEST_SEED, range(60), crowd) for crowd in (False, True)]
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(b.images, c) for b, _, c in parts])


FROZEN = "688d87dd68c905c29c2f068c20514f003b20114a1103198cba4568f4457c828d"
