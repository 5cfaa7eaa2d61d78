"""Rendering styles: how one object is laid over the image, and what happens to the whole picture afterwards.

A style is a domain shift: the scene is the same, the pixels are not.
"""

import numpy as np

from .rng import Draw
from .textures import tri

PAPER, BLUE = np.float32([0.95, 0.94, 0.90]), np.float32([0.10, 0.20, 0.46])


class Stroke:
    """What a style may use of n objects: cover, d, x, y (n, H, W) coverage, distance, canonical coordinates;
    base, second (n, 3) colours; tone (n, H, W) of the texture; scale (n, 1, 1) pixels per canonical unit."""

    def __init__(self, cover, d, x, y, base, second, tone, scale):
        self.cover, self.d, self.x, self.y, self.tone, self.scale = cover, d, x, y, tone, scale
        self.base, self.second = base[:, :, None, None], second[:, :, None, None]

    @property
    def colour(self):
        """(n, 3, H, W): base and second tone, mixed by the texture."""
        return self.base + (self.second - self.base) * self.tone[:, None]

    def line(self, width: float):
        """(n, H, W): coverage of an outline this many pixels wide, just inside the edge."""
        inner = self.d * self.scale + width / 2
        return np.clip(0.5 + width / 2 - np.abs(inner), 0, 1)


def flat(s: Stroke):
    return s.cover, s.colour


def shaded(s: Stroke):
    """Light from the upper left, darker towards the lower right."""
    light = 0.95 + 0.28 * (s.y - s.x) - 0.25 * np.maximum(s.d + 0.15, 0)
    return s.cover, np.clip(s.colour * light[:, None], 0, 1)


def sketch(s: Stroke):
    """Coloured outline; the texture as thin strokes, no filling."""
    ink = np.maximum(s.line(1.6), s.cover * 0.45 * (s.tone > 0.5) + s.cover * 0.12)
    return ink, s.base * 0.8


def painting(s: Stroke):
    """Broad strokes of varying tone."""
    strokes = 0.12 * tri(s.x * 1.7 + s.y * 0.9) + 0.08 * tri(s.x * 0.6 - s.y * 2.3)
    return s.cover, np.clip(s.colour + strokes[:, None], 0, 1)


def silhouette(s: Stroke):
    return s.cover, np.float32(0.02)


def blueprint(s: Stroke):
    """White lines on blue paper; the texture as faint white."""
    return np.maximum(s.line(1.4), s.cover * 0.35 * (s.tone > 0.5)), np.float32(0.93)


LAY = {
    "flat": flat, "shaded": shaded, "photo": shaded, "sketch": sketch, "painting": painting,
    "silhouette": silhouette, "blueprint": blueprint, "inverted": flat,
}  # fmt: skip
WOBBLE = {"sketch": 0.035, "painting": 0.06}  # how far a hand strays, in canonical units


def ground(style: str, grey: np.ndarray) -> np.ndarray:
    """The empty image (n, 3, H, W) that a style draws on, from the background's grey levels (n, H, W)."""
    grey = grey[:, None]
    if style == "sketch":
        return np.broadcast_to(PAPER[:, None, None], (len(grey), 3, *grey.shape[2:])).copy()
    if style == "silhouette":
        return np.repeat(0.55 + 0.4 * grey, 3, axis=1)
    if style == "blueprint":
        size = grey.shape[-1]
        axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 8
        rule = np.float32(0.09) * (tri(axis) > 0.7)
        lines = np.maximum(rule[None, :], rule[:, None])
        return np.broadcast_to(BLUE[:, None, None] + lines, (len(grey), 3, size, size)).copy()
    return np.repeat(grey, 3, axis=1)


def finish(style: str, image: np.ndarray, draw: Draw) -> np.ndarray:
    """What a style does to the whole picture (n, 3, H, W)."""
    if style == "photo":
        return _photo(image, draw)
    if style == "painting":
        canvas = draw.noise("canvas", *image.shape[2:])
        return np.clip(image + 0.08 * (canvas[:, None] - 0.5), 0, 1)
    return 1 - image if style == "inverted" else image


def _photo(image: np.ndarray, draw: Draw) -> np.ndarray:
    """A lens and a sensor: slight blur, a colour cast, uneven light, noise."""
    size = image.shape[-1]
    pad = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")
    rows = 0.2 * pad[:, :, :-2] + 0.6 * pad[:, :, 1:-1] + 0.2 * pad[:, :, 2:]
    image = 0.2 * rows[..., :-2] + 0.6 * rows[..., 1:-1] + 0.2 * rows[..., 2:]
    cast = 0.92 + 0.16 * draw.uniform("photo.cast", 3).astype(np.float32)
    slope = (draw.uniform("photo.light", 2).astype(np.float32) - 0.5) * 0.6
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size - 0.5
    light = 1 + slope[:, :1, None] * axis[None, None, :] + slope[:, 1:, None] * axis[None, :, None]
    grain = np.stack([draw.noise(f"photo.grain.{c}", size, size) for c in range(3)], axis=1)
    return np.clip(image * cast[:, :, None, None] * light[:, None] + 0.16 * (grain - 0.5), 0, 1)
