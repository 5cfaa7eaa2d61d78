"""Shapes as signed distance fields: negative inside, about one unit per unit near the outline.

Coordinates are canonical: x to the right, y up, the shape inside the unit disc. Only exactly rounded
operations are used (+, -, *, /, sqrt, min, max), so that an image is the same on every machine.
"""

import numpy as np

from .vocabulary import SHAPES

R3 = 0.8660254


def length(x, y):
    """Euclidean length."""
    return np.sqrt(x * x + y * y)


def convex(x, y, *corners):
    """The convex polygon with these corners, counter-clockwise."""
    d = None
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        side = float(np.hypot(x1 - x0, y1 - y0))
        nx, ny = (y1 - y0) / side, (x0 - x1) / side  # outward
        plane = x * nx + (y * ny - (x0 * nx + y0 * ny))
        d = plane if d is None else np.maximum(d, plane, out=d)
    return d


def circle(x, y):
    return length(x, y) - 0.92


def square(x, y):
    return np.maximum(np.abs(x), np.abs(y)) - 0.76


def triangle(x, y):
    y = y + 0.15
    return np.maximum(R3 * np.abs(x) + 0.5 * y, -y) - 0.52


def star(x, y):
    """Five points, inner radius 0.4: fold the plane onto one tenth, then one straight edge."""
    x = np.abs(x)
    h = 2 * np.maximum(0.809017 * x - 0.587785 * y, 0)
    x, y = x - h * 0.809017, y + h * 0.587785
    h = 2 * np.maximum(-0.809017 * x - 0.587785 * y, 0)
    x, y = np.abs(x + h * 0.809017), y + h * 0.587785
    return x * 0.944529 + (y - 1.0) * 0.328430  # the line through (0, 1) and 0.4 (sin 36, cos 36)


def cross(x, y):
    a, b = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return np.maximum(b - 0.3, a - 0.92)


def heart(x, y):
    """A square on its corner and two discs on its upper sides."""
    y = y + 0.076
    u, v = (x + y) * 0.7071068, (y - x) * 0.7071068
    box = np.maximum(np.abs(u), np.abs(v))
    return np.minimum(box, np.minimum(length(u - 0.52, v), length(u, v - 0.52))) - 0.52


def ring(x, y):
    return np.abs(length(x, y) - 0.66) - 0.25


def crescent(x, y):
    return np.maximum(length(x, y) - 0.94, 0.74 - length(x - 0.42, y))


def arrow(x, y):
    """Points up: a shaft and a head."""
    a = np.abs(x)
    head = np.maximum(-y, a * 0.764 + (y - 0.96) * 0.645)
    return np.minimum(np.maximum(a - 0.27, np.abs(y + 0.4) - 0.52), head)


def hourglass(x, y):
    a, b = np.abs(x), np.abs(y)
    return np.maximum(b - 0.84, (a - 0.1 - 0.8 * b) * 0.78)


def drop(x, y):
    """A disc and the tangent cone up to its tip."""
    line = np.abs(x) * 0.8932 + (y - 0.95) * 0.4496
    return np.minimum(length(x, y + 0.34) - 0.58, np.maximum(line, -0.08 - y))


def diamond(x, y):
    return np.abs(x) * 0.8618 + np.abs(y) * 0.5072 - 0.4818


def house(x, y):
    a = np.abs(x)
    roof = np.maximum(0.1 - y, a * 0.695 + (y - 0.95) * 0.719)
    return np.minimum(np.maximum(a - 0.6, np.abs(y + 0.375) - 0.48), roof)


def bolt(x, y):
    upper = convex(x, y, (0.45, 0.95), (-0.62, -0.12), (0.12, -0.12))
    return np.minimum(upper, convex(x, y, (-0.45, -0.95), (0.62, 0.12), (-0.12, 0.12)))


def clover(x, y):
    a, b = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    return length(a - 0.5, b) - 0.45


def hexagon(x, y):
    return np.maximum(R3 * np.abs(x) + 0.5 * np.abs(y), np.abs(y)) - 0.8


DISTANCE = {name: globals()[name] for name in SHAPES}


def distance(kinds: np.ndarray, names: tuple[str, ...], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Signed distances (n, H, W) of n objects of kinds (n,), into `names`, at coordinates x, y (n, H, W)."""
    out = np.empty_like(x)
    for k in np.unique(kinds):
        rows = np.flatnonzero(kinds == k)
        out[rows] = DISTANCE[names[k]](x[rows], y[rows])
    return out
