"""regions: recognise what is in a given box or mask, and (open-vocabulary detection) find the boxes too. Objects of 12 to
32 px at 96 px, neighbours that touch; 16 base categories with boxes, 8 novel ones without."""

import torch
from torch import Tensor

from ..scenes import World
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED, TRAIN_SEED = 19_000_000, 19_100_000
WORLD = World(
    resolution=96, objects=(5, 8), shapes=6, colours=4, textures=1, fill=(0.4, 0.98), sizes=3, overlap=0.15, distinct=False,
    backgrounds=("dark", "grey", "noisy", "tiled"),
)  # fmt: skip
NAMES = [f"{c} {s}" for s in WORLD.shapes for c in WORLD.colours]
NOVEL = tuple(k for k, name in enumerate(NAMES) if name.split()[1] in ("cross", "heart"))
BASE = tuple(k for k in range(len(NAMES)) if k not in NOVEL)
LEAST = 30  # pixels that must be visible for an object to be asked for


def boxes(batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Every object with `LEAST` visible pixels: scene (R,), box (R, 4) float x0 y0 x1 y1, label (R,) into `NAMES`, and
    mask (R, H, W)."""
    scene, slot = (batch.masks.sum(dim=(2, 3)) >= LEAST).nonzero(as_tuple=True)
    label = batch.labels["shape"][scene, slot] * len(WORLD.colours) + batch.labels["colour"][scene, slot]
    return scene, batch.boxes[scene, slot].float(), label, batch.masks[scene, slot]


def jittered(box: Tensor, iou: float = 0.7, seed: int = 0) -> Tensor:
    """Boxes (R, 4) moved left, right, up or down so far that they overlap the given ones by exactly `iou`.

    Raises:
        ValueError: an overlap outside (0, 1].
    """
    if not 0 < iou <= 1:
        raise ValueError(f"overlap {iou} must be within (0, 1]")
    way = torch.randint(4, (len(box),), generator=torch.Generator().manual_seed(seed))
    side = torch.where(way < 2, box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    move = side * (1 - iou) / (1 + iou) * torch.where(way % 2 == 0, 1.0, -1.0)
    across = (way < 2).float()
    return box + torch.stack([move * across, move * (1 - across)] * 2, dim=1)


def train(seed: int, index):
    """(batch, scene, box, label, mask) of training scenes: base categories alone, novel objects stand unlabelled."""
    batch = WORLD.batch(TRAIN_SEED + seed, index)
    scene, box, label, mask = boxes(batch)
    keep = torch.isin(label, torch.tensor(BASE))
    return batch, scene[keep], box[keep], label[keep], mask[keep]


def test(size: int = 300):
    """(batch, scene, box, label, mask) of test scenes: all categories."""
    batch = WORLD.batch(TEST_SEED, range(size))
    return batch, *boxes(batch)


def digest() -> str:
    """sha256 of scenes, boxes and jitter."""
    _, _, box, label, _ = test(50)
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(box, jittered(box), label)])


FROZEN = "c703fd53adf234073101270e3f594034b085927b558dfab22c1f4568be80c4be"
