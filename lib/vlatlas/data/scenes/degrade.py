"""Degradations of known severity, painted words, anomalies and forgeries: image in, image and ground truth
out."""

import numpy as np
import torch
from torch import Tensor

from .glyphs import HEIGHT, stamp
from .render import coordinates
from .rng import Draw

DEGRADATIONS = ("blur", "noise", "blocks", "dark", "bright", "contrast")
DEFECTS = ("scratch", "hole", "stain", "dots", "missing", "stripe")


def degrade(images: Tensor, kind: str, severity: float, draw: Draw) -> Tensor:
    """Images (B, 3, H, W) made worse. severity: 0 (untouched) to 1 (hardly recognisable).

    "blur": repeated 3-tap averages; "noise": additive, uniform; "blocks": averages of blocks, as strong
    compression leaves; "dark", "bright": exposure; "contrast": towards grey.

    Raises:
        ValueError: an unknown kind, or a severity outside 0..1.
    """
    if kind not in DEGRADATIONS:
        raise ValueError(f"degradation {kind!r} is unknown; use one of {', '.join(DEGRADATIONS)}")
    if not 0 <= severity <= 1:
        raise ValueError(f"severity {severity} must be within 0..1")
    if severity == 0:
        return images.clone()
    x = images.numpy().copy()
    size = x.shape[-1]
    if kind == "blur":
        for _ in range(round(severity * size * size / 100)):
            x = _average(x)
    elif kind == "noise":
        noise = np.stack([draw.noise(f"degrade.{c}", size, size) for c in range(3)], axis=1)
        x = np.clip(x + np.float32(1.6 * severity) * (noise - 0.5), 0, 1)
    elif kind == "blocks":
        step = 1 + round(severity * size / 5)
        low = x[:, :, step // 2 :: step, step // 2 :: step]
        index = np.minimum(np.arange(size) // step, low.shape[-1] - 1)
        x = (1 - np.float32(severity**0.5)) * x + np.float32(severity**0.5) * low[:, :, index][:, :, :, index]
    elif kind == "dark":
        x = x * np.float32(1 - 0.9 * severity)
    elif kind == "bright":
        x = np.minimum(x * np.float32(1 + 3 * severity) + np.float32(0.4 * severity), 1)
    else:
        x = 0.5 + (x - 0.5) * np.float32(1 - 0.92 * severity)
    return torch.from_numpy(x)


def _average(x: np.ndarray) -> np.ndarray:
    pad = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows = 0.25 * pad[:, :, :-2] + 0.5 * pad[:, :, 1:-1] + 0.25 * pad[:, :, 2:]
    return 0.25 * rows[..., :-2] + 0.5 * rows[..., 1:-1] + 0.25 * rows[..., 2:]


def paint_words(images: Tensor, words: list[str], draw: Draw, ink: float = 1.0) -> tuple[Tensor, Tensor]:
    """One word painted on each image, at a random place, white on a black band, as large as fits.

    Returns the images and masks (B, H, W) bool of the letters' pixels.

    Raises:
        ValueError: a word that does not fit at one pixel a dot; names it and the resolution that would do.
    """
    out, masks = images.clone(), torch.zeros(len(images), *images.shape[2:], dtype=torch.bool)
    size = images.shape[-1]
    u = draw.uniform("words", 2)
    for b, word in enumerate(words):
        dots = stamp(word)  # (7, w) bool with a margin of one dot
        zoom = min(size // dots.shape[1], max(1, size // 4 // HEIGHT))
        if zoom < 1:
            raise ValueError(f"{word!r} needs {dots.shape[1]} pixels, the image has {size}; render it larger")
        dots = np.kron(dots, np.ones((zoom, zoom), bool))
        h, w = dots.shape
        y, x = int(u[b, 0] * (size - h + 1)), int(u[b, 1] * (size - w + 1))
        band = torch.from_numpy(dots)
        part = out[b, :, y : y + h, x : x + w]
        out[b, :, y : y + h, x : x + w] = part + ink * (band.float() * 0.95 - part)
        masks[b, y : y + h, x : x + w] = band
    return out, masks


def anomalies(batch, kind: str) -> tuple[Tensor, Tensor]:
    """A defect on the first object of each scene.

    kind: "scratch", "hole", "stain", "dots", "missing" (a part is cut away) or "stripe". Returns images
    (B, 3, H, W) and masks (B, H, W) bool of the pixels that the defect changed (by more than 2 of 255).

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in DEFECTS:
        raise ValueError(f"defect {kind!r} is unknown; use one of {', '.join(DEFECTS)}")
    world, n = batch.world, len(batch)
    x, y = coordinates(batch.layout, np.arange(n), 0, world.resolution)
    u = batch.draw.uniform(f"defect.{kind}", 4).astype(np.float32)[:, :, None, None] - 0.5
    spot = (x - u[:, 0]) * (x - u[:, 0]) + (y - u[:, 1]) * (y - u[:, 1])
    slope = u[:, 2] * 2
    where = {
        "scratch": np.abs(y - slope * x - u[:, 1] * 0.5) < 0.07,
        "hole": spot < 0.05,
        "stain": spot < 0.12,
        "dots": (spot < 0.3) & (batch.draw.noise("defect.dots", *x.shape[1:]) < 0.3),
        "missing": x * u[:, 2] + y * u[:, 3] > 0.3 * np.sqrt(u[:, 2] * u[:, 2] + u[:, 3] * u[:, 3]),
        "stripe": np.abs(x - u[:, 0]) < 0.1,
    }[kind] & batch.masks[:, 0].numpy()
    image = batch.images.numpy()
    ground = np.median(image.reshape(n, 3, -1), axis=2)[:, :, None, None]
    paint = {
        "scratch": 0.97, "hole": ground, "stain": image * 0.45, "dots": 0.05, "missing": ground,
        "stripe": 1 - image,
    }[kind]  # fmt: skip
    out = np.where(where[:, None], paint, image).astype(np.float32)
    changed = np.abs(out - image).max(axis=1) > 2 / 255
    return torch.from_numpy(out), torch.from_numpy(changed)


def forge(images: Tensor, draw: Draw) -> Tensor:
    """What a generator with upsampling layers leaves behind: a faint period-2 and period-4 grid and slightly
    wrong high frequencies. Images (B, 3, H, W) in, images out; visible to a detector, hardly to the eye."""
    x = images.numpy()
    size = x.shape[-1]
    even = (np.arange(size) % 2 * 2 - 1).astype(np.float32)
    fourth = (np.arange(size) % 4 < 2).astype(np.float32) * 2 - 1
    phase = np.where(draw.uniform("forge", 2) < 0.5, -1, 1).astype(np.float32)[:, :, None, None]
    grid = phase[:, :1] * (even[:, None] * even) + phase[:, 1:] * (fourth[:, None] * fourth)
    soft = _average(x)
    return torch.from_numpy(np.clip(0.6 * x + 0.4 * soft + 0.015 * grid, 0, 1).astype(np.float32))
