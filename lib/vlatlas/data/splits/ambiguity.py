"""ambiguity: one click, three right answers, nested in each other: the part, the object, the group of its colour."""

from dataclasses import replace

import torch
from torch import Tensor

from ..scenes import World
from ..scenes.dense import parts
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 24_000_000
WORLD = World(
    resolution=64, objects=(3, 4), shapes=("arrow", "house", "drop", "heart", "star", "cross", "hourglass", "bolt"), colours=6,
    textures=1, sizes=1, fill=(0.85, 0.98), detail="short",
)  # fmt: skip
LEVELS = ("part", "object", "group")


def clicks(seed: int, index) -> tuple[Tensor, Tensor, Tensor]:
    """(images (B, 3, 64, 64), points (B, 2) long x y, masks (B, 3, 64, 64) bool in the order of `LEVELS`): the first object
    is clicked on, and the second has its colour. The point is a pixel of the larger part, the nearest to its centre."""
    batch = WORLD.batch(seed, index)
    place = batch.layout.copy()
    place.colour[:, 1] = place.colour[:, 0]
    batch = replace(batch, layout=place)
    number, own = parts(batch)[:, 0], batch.masks[:, 0]
    larger = (number == 1).sum(dim=(1, 2)) > (number == 0).sum(dim=(1, 2))
    part = number == larger.long()[:, None, None]
    same = batch.labels["colour"] == batch.labels["colour"][:, :1]
    group = (batch.masks & same[:, :, None, None]).any(dim=1)
    axis = torch.arange(part.shape[-1], dtype=torch.float)
    total = part.sum(dim=(1, 2))
    cy, cx = ((part * z).sum(dim=(1, 2)) / total for z in (axis[:, None], axis[None, :]))
    far = (axis[None, :, None] - cy[:, None, None]) ** 2 + (axis[None, None, :] - cx[:, None, None]) ** 2
    spot = torch.where(part, far, torch.inf).flatten(1).argmin(dim=1)
    points = torch.stack([spot % part.shape[-1], spot // part.shape[-1]], dim=1)
    return batch.images, points, torch.stack([part, own, group], dim=1)


def digest() -> str:
    """sha256 of images, clicks and masks."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(*clicks(TEST_SEED, range(60)))])


FROZEN = "30f297f14c91cbfdb6231c5877bafa1b758324929e5db7a82b81e4c6e05ea1ab"
