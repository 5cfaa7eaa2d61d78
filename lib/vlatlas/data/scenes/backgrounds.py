"""Backgrounds: greys only, so that a colour in the image belongs to an object."""

import numpy as np

from .rng import Draw
from .textures import tri


def _plain(level):
    def draw_it(draw: Draw, size: int):
        shade = np.float32(level) + (draw.uniform("backdrop.level").astype(np.float32) - 0.5) * 0.06
        return np.broadcast_to(shade[:, :, None], (len(draw), size, size))

    return draw_it


def _ramp(size):
    return (np.arange(size, dtype=np.float32) + 0.5) / size


def gradient(draw: Draw, size: int):
    """A ramp from dark to light in one of eight directions."""
    way = draw.integers("backdrop.way", 8)[:, 0]
    sx = np.array([1, 1, 0, -1, -1, -1, 0, 1], np.float32)[way][:, None, None]
    sy = np.array([0, 1, 1, 1, 0, -1, -1, -1], np.float32)[way][:, None, None]
    z = (_ramp(size)[None, None, :] - 0.5) * sx + (_ramp(size)[None, :, None] - 0.5) * sy
    return 0.48 + z * (0.56 / (np.abs(sx) + np.abs(sy)))


def noisy(draw: Draw, size: int):
    return 0.3 + 0.4 * draw.noise("backdrop.noise", size, size)


def lined(draw: Draw, size: int):
    z = _ramp(size)[None, :, None] * 6 + draw.uniform("backdrop.phase").astype(np.float32)[:, :, None]
    return np.broadcast_to(np.where(tri(z) > 0, np.float32(0.58), np.float32(0.38)), (len(draw), size, size))


def tiled(draw: Draw, size: int):
    phase = draw.uniform("backdrop.phase", 2).astype(np.float32)
    x, y = (
        _ramp(size)[None, None, :] * 4 + phase[:, :1, None],
        _ramp(size)[None, :, None] * 4 + phase[:, 1:, None],
    )
    return np.where(tri(x) * tri(y) > 0, np.float32(0.6), np.float32(0.36))


def cloudy(draw: Draw, size: int):
    """A 4 x 4 lattice of random levels, interpolated bilinearly."""
    lattice = draw.noise("backdrop.cloud", 4, 4)
    z = _ramp(size) * 3
    cell = np.minimum(z.astype(np.int64), 2)
    w = z - cell
    rows = lattice[:, cell] * (1 - w)[None, :, None] + lattice[:, cell + 1] * w[None, :, None]  # (B, size, 4)
    return 0.25 + 0.5 * (rows[:, :, cell] * (1 - w) + rows[:, :, cell + 1] * w)


BACKDROP = {
    "dark": _plain(0.15), "light": _plain(0.78), "grey": _plain(0.47), "gradient": gradient,
    "noisy": noisy, "lined": lined, "tiled": tiled, "cloudy": cloudy,
}  # fmt: skip


def backdrops(kinds: np.ndarray, names: tuple[str, ...], draw: Draw, size: int) -> np.ndarray:
    """Grey levels (B, size, size) float32 for backgrounds kinds (B,) (into `names`)."""
    out = np.empty((len(kinds), size, size), np.float32)
    for k in np.unique(kinds):
        rows = np.flatnonzero(kinds == k)
        out[rows] = BACKDROP[names[k]](draw.rows(rows), size)
    return out
