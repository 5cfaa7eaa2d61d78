"""Dense ground truth of a batch: semantic and part masks, alpha, depth."""

import numpy as np
import torch
from torch import Tensor

from .render import coordinates
from .shapes import DISTANCE

PARTS = {  # shape -> its parts, from the base up; shapes not listed are one part, "body"
    "arrow": ("shaft", "head"), "house": ("walls", "roof"), "drop": ("bulb", "tip"),
    "heart": ("point", "lobes"),
    "star": ("core", "points"), "cross": ("centre", "arms"), "hourglass": ("lower bulb", "upper bulb"),
    "bolt": ("lower bolt", "upper bolt"), "clover": ("middle", "leaves"), "ring": ("band",),
}  # fmt: skip


def _second(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where the second part of a shape is, in canonical coordinates."""
    if shape in ("star", "clover"):
        return x * x + y * y > 0.4**2
    if shape == "cross":
        return np.maximum(np.abs(x), np.abs(y)) > 0.3
    line = {"arrow": 0.0, "house": 0.1, "drop": -0.08, "heart": 0.1, "hourglass": 0.0, "bolt": 0.0}
    return y > line[shape]


def semantic(batch, attribute: str = "shape") -> Tensor:
    """(B, H, W) long: at each pixel the label of the visible object's attribute; -1 on the background.

    Raises:
        ValueError: an attribute that objects do not have.
    """
    labels = batch.labels.get(attribute)
    if labels is None or labels.ndim != 2:
        raise ValueError(f"objects have no attribute {attribute!r}; use shape, colour, texture, size, ...")
    masks = batch.masks
    return (masks * (labels + 1)[:, :, None, None]).sum(dim=1) - 1


def parts(batch) -> Tensor:
    """(B, K, H, W) long: at each visible pixel of an object the number of its part (see `PARTS`), else -1."""
    masks, place, world = batch.masks.numpy(), batch.layout, batch.world
    out = np.where(masks, 0, -1)
    for name in world.shapes:
        if len(PARTS.get(name, ("body",))) == 1:
            continue
        for slot in range(masks.shape[1]):
            rows = np.flatnonzero((place.shape[:, slot] == world.shapes.index(name)) & place.present[:, slot])
            if len(rows):
                x, y = coordinates(place, rows, slot, world.resolution)
                out[rows, slot] = np.where(masks[rows, slot], _second(name, x, y).astype(np.int64), -1)
    return torch.from_numpy(out)


def alpha(batch) -> Tensor:
    """(B, K, H, W) float32: each object's own coverage, hidden parts included (amodal, anti-aliased)."""
    place, world = batch.layout, batch.world
    size, k = world.resolution, place.shape.shape[1]
    out = np.zeros((len(batch), k, size, size), np.float32)
    for slot in range(k):
        for label in np.unique(place.shape[:, slot]):
            rows = np.flatnonzero((place.shape[:, slot] == label) & place.present[:, slot])
            if len(rows):
                x, y = coordinates(place, rows, slot, size)
                scale = (place.radius[rows, slot] * size).astype(np.float32)[:, None, None]
                out[rows, slot] = np.clip(0.5 - DISTANCE[world.shapes[label]](x, y) * scale, 0, 1)
    return torch.from_numpy(out)


def depth(batch) -> Tensor:
    """(B, H, W) float32, metres from the camera: the background is a wall at 4 m leaning back by 0.5 m
    towards the top, objects are domes at 3 m, nearer by 0.5 m for each painted later."""
    place, world = batch.layout, batch.world
    size = world.resolution
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    out = np.broadcast_to(4.5 - 0.5 * axis[None, :, None], (len(batch), size, size)).copy()
    masks = batch.masks.numpy()
    for slot in range(masks.shape[1]):
        rows = np.flatnonzero(place.present[:, slot])
        if len(rows):
            x, y = coordinates(place, rows, slot, size)
            dome = np.float32(3 - 0.5 * slot) - 0.3 * np.maximum(1 - x * x - y * y, 0)
            out[rows] = np.where(masks[rows, slot], dome, out[rows])
    return torch.from_numpy(out)
