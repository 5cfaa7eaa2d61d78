"""zero_shot_segmentation: 16 categories with labelled pixels, 8 of other contours without. Novel objects do stand in the
training images, as pixels to be ignored (the inductive setting)."""

import torch
from torch import Tensor

from ._digest import digest_of
from ._tensors import fingerprint
from .dense import NAMES, WORLD, labels

TEST_SEED, BASE_SEED = 18_000_000, 18_100_000
IGNORE = -2  # label of pixels that must not be learnt from; -1 is the background, as in `dense`
NOVEL_SHAPES = ("cross", "heart")  # the base shapes are circle, square, triangle and star
NOVEL = tuple(k for k, name in enumerate(NAMES) if name.split()[1] in NOVEL_SHAPES)
BASE = tuple(k for k in range(len(NAMES)) if k not in NOVEL)
TRAIN_SIZE, TEST_SIZE = 1_000, 300


def train(seed: int = 0, size: int = TRAIN_SIZE) -> tuple[Tensor, Tensor]:
    """Images (B, 3, H, W) and labels (B, H, W) long, into `NAMES`; pixels of novel categories are `IGNORE`."""
    batch = WORLD.batch(BASE_SEED + seed, range(size))
    y = labels(batch)
    return batch.images, torch.where(torch.isin(y, torch.tensor(NOVEL)), IGNORE, y)


def test(size: int = TEST_SIZE):
    """(batch, labels): scenes with base and novel objects, every pixel labelled."""
    batch = WORLD.batch(TEST_SEED, range(size))
    return batch, labels(batch)


def digest() -> str:
    """sha256 of the scenes and of training labels."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(train(0, 50)[1])])


FROZEN = "9e9c20a558d2ea370a8d6cf01048c210da6ddbf94e6d82cf31324ac6f0239644"
