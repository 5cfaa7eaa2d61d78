"""Surface patterns: a tone in [0, 1] at canonical coordinates; 0 is the base colour, 1 its second tone."""

import numpy as np


def tri(z):
    """A triangle wave of period 1 in [-1, 1]: a sine made of exactly rounded operations."""
    return 4 * np.abs(z - np.floor(z) - 0.5) - 1


def striped(x, y, sharp):
    return np.clip(tri(y * 1.9) * sharp + 0.5, 0, 1)


def dotted(x, y, sharp):
    u, v = (x * 2.2 - np.floor(x * 2.2) - 0.5), (y * 2.2 - np.floor(y * 2.2) - 0.5)
    return np.clip((0.1 - u * u - v * v) * 4 * sharp + 0.5, 0, 1)


def checkered(x, y, sharp):
    return np.clip(tri(x * 1.3 + 0.25) * tri(y * 1.3 + 0.25) * 2 * sharp + 0.5, 0, 1)


def ringed(x, y, sharp):
    return np.clip(tri(np.sqrt(x * x + y * y) * 2.2) * sharp + 0.5, 0, 1)


def hatched(x, y, sharp):
    lines = np.maximum(tri((x + y) * 1.7), tri((x - y) * 1.7))
    return np.clip((lines - 0.5) * 1.5 * sharp + 0.5, 0, 1)


PATTERN = {"striped": striped, "dotted": dotted, "checkered": checkered, "ringed": ringed, "hatched": hatched}


def tones(kinds, names, x, y, sharp) -> np.ndarray:
    """Tones (n, H, W) for textures kinds (n,); sharp (n, 1, 1): how steep an edge is (a pixel's worth)."""
    out = np.zeros_like(x)
    for k in np.unique(kinds):
        if names[k] != "plain":
            rows = np.flatnonzero(kinds == k)
            out[rows] = PATTERN[names[k]](x[rows], y[rows], sharp[rows])
    return out


def second_tone(rgb: np.ndarray) -> np.ndarray:
    """The pattern's colour (.., 3): darker than a light base, lighter than a dark one."""
    light = rgb[..., :1] * 0.3 + rgb[..., 1:2] * 0.59 + rgb[..., 2:] * 0.11
    return np.where(light > 0.35, rgb * 0.35, 1 - (1 - rgb) * 0.4).astype(np.float32)
