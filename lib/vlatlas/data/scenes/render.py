"""From a layout to pixels: distance fields for the whole batch, painted back to front.

Everything is float32 and made of exactly rounded operations; sines and cosines are rounded to multiples of
2^-20 first. An image is therefore the same, bit for bit, on every machine.
"""

import numpy as np

from .backgrounds import backdrops
from .rng import Draw
from .sample import Layout
from .shapes import distance
from .styles import LAY, WOBBLE, Stroke, finish, ground
from .textures import second_tone, tones, tri
from .vocabulary import COLOURS

CHUNK = 64  # scenes painted at once: their planes stay in the processor's cache
PALETTE = np.array(list(COLOURS.values()), np.float32)


def render(world, place: Layout, draw: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Images (B, 3, H, W) float32 in [0, 1] and masks (B, K, H, W) bool of what is visible of each object."""
    size, (b, k) = world.resolution, place.shape.shape
    images = np.empty((b, 3, size, size), np.float32)
    masks = np.zeros((b, k, size, size), bool)
    names = np.array(world.styles)
    order = np.argsort(place.style, kind="stable")
    for style in np.unique(place.style):
        rows = order[place.style[order] == style]
        for part in np.split(rows, range(CHUNK, len(rows), CHUNK)):
            images[part], masks[part] = _paint(world, place, draw.rows(part), part, str(names[style]))
    return images, masks


def _paint(world, place: Layout, draw: Draw, rows: np.ndarray, style: str):
    """The scenes `rows`, all of one style."""
    size, k = world.resolution, place.shape.shape[1]
    image = ground(style, backdrops(place.background[rows], world.backgrounds, draw, size))
    masks = np.zeros((len(rows), k, size, size), bool)
    for slot in range(k):
        here = np.flatnonzero(place.present[rows, slot])
        if len(here) == 0:
            continue
        stroke = _stroke(world, place, draw.rows(here), rows[here], slot, style)
        alpha, colour = LAY[style](stroke)
        behind = image if len(here) == len(rows) else image[here]
        behind += (colour - behind) * alpha[:, None]
        image[here] = behind
        visible = stroke.d < 0
        masks[here, :slot] &= ~visible[:, None]
        masks[here, slot] = visible
    return finish(style, image, draw), masks


def _stroke(world, place: Layout, draw: Draw, rows: np.ndarray, slot: int, style: str) -> Stroke:
    """Distances, coordinates and colours of the object in `slot` of the scenes `rows`."""
    size = world.resolution
    shape, texture = place.shape[rows, slot], place.texture[rows, slot]
    x, y = coordinates(place, rows, slot, size)
    if style in WOBBLE:
        phase = draw.uniform("wobble", 2).astype(np.float32)[:, :, None]
        x, y = (
            x + WOBBLE[style] * tri(y * 1.3 + phase[:, :1]),
            y + WOBBLE[style] * tri(x * 1.1 + phase[:, 1:]),
        )
    d = distance(shape, world.shapes, x, y)
    scale = (place.radius[rows, slot] * size).astype(np.float32)[:, None, None]  # pixels per unit
    cover = np.clip(0.5 - d * scale, 0, 1)
    tint = (draw.uniform(f"tint.{slot}", 3).astype(np.float32) - 0.5) * world.tint
    base = np.clip(world.palette[place.colour[rows, slot]] + tint, 0, 1)
    tone = tones(texture, world.textures, x, y, np.maximum(scale * 0.2, 1))
    return Stroke(cover, d, x, y, base, second_tone(base), tone, scale)


def coordinates(place: Layout, rows: np.ndarray, slot: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Canonical coordinates (n, H, W) of every pixel's centre, for the object in `slot`."""
    grain = 2.0**20
    cos = (np.round(np.cos(place.angle[rows, slot]) * grain) / grain).astype(np.float32)[:, None, None]
    sin = (np.round(np.sin(place.angle[rows, slot]) * grain) / grain).astype(np.float32)[:, None, None]
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    radius = place.radius[rows, slot].astype(np.float32)[:, None]
    u = ((axis[None, :] - place.x[rows, slot].astype(np.float32)[:, None]) / radius)[:, None, :]  # (n, 1, W)
    v = ((place.y[rows, slot].astype(np.float32)[:, None] - axis[None, :]) / radius)[:, :, None]  # (n, H, 1), up
    return u * cos + v * sin, v * cos - u * sin
