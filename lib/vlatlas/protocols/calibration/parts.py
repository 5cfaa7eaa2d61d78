"""Measures on parts of images: boxes, masks, clicks, expressions. As in `whole`."""

import torch

from .figure import classified, crops


def _named(model, names, images, scene, box, label):
    return classified(model, crops(images, scene, box), [[f"a picture of a {n}."] for n in names], label)


def _boxes(masks: torch.Tensor) -> torch.Tensor:
    """Extents (R, 4) of masks (R, H, W)."""
    out = []
    for m in masks:
        y, x = m.nonzero(as_tuple=True)
        out.append([x.min(), y.min(), x.max() + 1, y.max() + 1] if len(x) else [0, 0, *m.shape])
    return torch.tensor(out).float()


def _objects(split, batch, least: int = 30):
    scene, slot = (batch.masks.sum(dim=(2, 3)) >= least).nonzero(as_tuple=True)
    label = batch.labels["shape"][scene, slot] * len(split.WORLD.colours) + batch.labels["colour"][scene, slot]
    return scene, batch.boxes[scene, slot].float(), label


def dense(split, model):
    batch = split.WORLD.batch(split.TEST_SEED, range(200))
    return (
        "zero-shot accuracy of 24 names on object crops",
        _named(model, split.NAMES, batch.images, *_objects(split, batch)),
        1 / 24,
    )


def zero_shot_segmentation(split, model):
    batch, label = split.test(150)
    rows = torch.arange(4, label.shape[-1], 8)
    scene, i, j = torch.isin(label[:, rows[:, None], rows], torch.tensor(split.NOVEL)).nonzero(as_tuple=True)
    y, x = rows[i], rows[j]
    box = torch.stack([x - 24, y - 24, x + 24, y + 24], dim=1).float()  # windows three quarters of the image wide
    seen = crops(batch.images, scene, box, margin=0.0)
    value = classified(model, seen, [[f"a picture of a {n}."] for n in split.NAMES], label[scene, y, x])
    return "zero-shot accuracy of 24 names on windows around pixels of novel objects", value, 1 / 24


def regions(split, model):
    batch, scene, box, label, _ = split.test(150)
    value = _named(model, split.NAMES, batch.images, scene, split.jittered(box), label)
    return "zero-shot accuracy of 24 names on crops of boxes that overlap by 0.7", value, 1 / 24


def proposals(split, model):
    batch, scene, label, mask, other = split.test(100)
    box = _boxes(split.make(mask, "cut", 0.5, other))
    return (
        "zero-shot accuracy of 24 names on crops of half masks",
        _named(model, split.NAMES, batch.images, scene, box, label),
        1 / 24,
    )


def ambiguity(split, model):
    _, _, masks = split.clicks(split.TEST_SEED, range(300))
    whole = masks[:, 1:2]
    overlap = (masks & whole).sum(dim=(2, 3)) / (masks | whole).sum(dim=(2, 3))
    return "mean overlap of the object with all three answers (always answering with the object)", overlap.mean(), 1 / 3


def faces(split, model):
    _, train, _ = split.faces(0, range(300))
    _, test, _ = split.faces(split.TEST_SEED, range(300))
    usual = train.mode(dim=0).values[None]  # (1, H, W): the commonest part at each pixel
    overlap = [((test == k) & (usual == k)).sum() / ((test == k) | (usual == k)).sum() for k in range(1, len(split.PARTS))]
    return "mean overlap of the parts with the usual face, the same for every picture", sum(overlap) / len(overlap), 0
