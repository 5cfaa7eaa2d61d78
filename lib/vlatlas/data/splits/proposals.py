"""proposals: masks of known quality. For each object, masks of a wished overlap with the true one, made in four ways
(eroded, dilated, cut, shifted), the union with a neighbour, the neighbour alone, and pure background."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ._digest import digest_of
from ._tensors import fingerprint
from .dense import NAMES, WORLD

TEST_SEED = 20_000_000
WAYS = ("eroded", "dilated", "cut", "shifted", "union", "neighbour", "background")
LEAST = 40  # visible pixels of an object


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Overlap of masks (.., H, W): intersection over union, 0 where both are empty."""
    both, either = (a & b).sum(dim=(-2, -1)), (a | b).sum(dim=(-2, -1))
    return both / either.clamp(min=1)


def depth(mask: Tensor) -> Tensor:
    """(R, H, W): how many pixels deep inside the mask (positive) or far outside (negative) each pixel lies."""
    inside, outside = mask.float()[:, None], 1 - mask.float()[:, None]
    out = torch.zeros_like(inside)
    for _ in range(mask.shape[-1] // 2):
        out += inside - outside
        inside = -F.max_pool2d(-inside, 3, 1, 1)
        outside = -F.max_pool2d(-outside, 3, 1, 1)
    return out[:, 0]


def make(mask: Tensor, way: str, quality: float, other: Tensor, seed: int = 0) -> Tensor:
    """Proposals (R, H, W) bool for masks (R, H, W). quality: the wished overlap, met to a few pixels by the first three
    ways and as well as whole pixels allow by "shifted"; the last three have the overlap that they have (see `iou`).
    other (R, H, W): a neighbour's mask.

    Raises:
        ValueError: an unknown way, or a quality outside (0, 1].
    """
    if way not in WAYS or not 0 < quality <= 1:
        raise ValueError(f"way {way!r} must be of {', '.join(WAYS)}, quality {quality} within (0, 1]")
    if way == "neighbour":
        return other
    if way == "union":
        return mask | other
    if way == "background":
        return depth(mask | other) < -2
    size, generator = mask.sum(dim=(1, 2)), torch.Generator().manual_seed(seed)
    noise = torch.rand(mask.shape, generator=generator) * 0.9  # ties are broken at random
    if way == "shifted":
        return _shifted(mask, quality)
    if way == "cut":
        axis = torch.arange(mask.shape[-1]) * torch.where(torch.rand(len(mask), 1, generator=generator) < 0.5, 1.0, -1.0)
        score = torch.where(mask, axis[:, None, :] + noise, -1e9)
    else:
        score = depth(mask) + noise
    count = size * quality if way != "dilated" else size / quality
    rank = score.flatten(1).argsort(dim=1, descending=True).argsort(dim=1).view_as(score)
    return rank < count.round()[:, None, None]


def _shifted(mask: Tensor, quality: float) -> Tensor:
    """Moved along the rows by the whole number of pixels that comes nearest to the overlap."""
    moves = [torch.roll(mask, d, dims=2) for d in range(mask.shape[-1] // 2)]
    gap = torch.stack([(iou(m, mask) - quality).abs() for m in moves])  # (D, R)
    return torch.stack(moves)[gap.argmin(dim=0), torch.arange(len(mask))]


def test(size: int = 200):
    """(batch, scene, label, mask, other): every object of scenes with two or more, the label into `NAMES`, and the mask of
    the next object of its scene."""
    batch = WORLD(objects=(2, 4)).batch(TEST_SEED, range(size))
    seen = batch.masks.sum(dim=(2, 3)) >= LEAST
    seen &= (seen.sum(dim=1) > 1)[:, None]
    scene, slot = seen.nonzero(as_tuple=True)
    last = torch.cat([scene[1:] != scene[:-1], torch.tensor([True])])
    first = torch.searchsorted(scene, scene)
    follower = torch.where(last, first, torch.arange(len(scene)) + 1)
    mask = batch.masks[scene, slot]
    label = batch.labels["shape"][scene, slot] * len(WORLD.colours) + batch.labels["colour"][scene, slot]
    return batch, scene, label, mask, mask[follower]


def digest() -> str:
    """sha256 of the proposals of the first scenes."""
    _, _, label, mask, other = test(20)
    made = [make(mask, way, 0.6, other).float() for way in WAYS]
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(label, *made), *NAMES])


FROZEN = "ad5bd941ee09b5d81d33b7826a82abdaddd4f0df96828c520efab765b8ba8df4"
