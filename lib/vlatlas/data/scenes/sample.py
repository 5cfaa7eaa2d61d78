"""From (seed, index) to the numbers that say what stands where, for a whole batch at once."""

from dataclasses import dataclass, fields

import numpy as np

from .rng import Draw
from .vocabulary import POSELESS

SPREAD = 0.5  # below this, one cannot tell where in the frame a single object stands
TILTED = (18.0, 27.0)  # degrees, to either side; upright is within 4 degrees where both occur


@dataclass
class Layout:
    """B scenes of up to K objects. Attributes are indices into the world's names; lengths are shares of the
    frame, y points down; objects are drawn in slot order, later ones in front."""

    shape: np.ndarray  # (B, K) int64, as are colour, texture, size, pose, place
    colour: np.ndarray
    texture: np.ndarray
    size: np.ndarray
    pose: np.ndarray  # -1: the shape has none
    place: np.ndarray
    present: np.ndarray  # (B, K) bool
    x: np.ndarray  # (B, K) float64, centre
    y: np.ndarray
    radius: np.ndarray  # (B, K) float64, of the unit disc that the shape is drawn in
    angle: np.ndarray  # (B, K) float64, radians, counter-clockwise
    background: np.ndarray  # (B,) int64
    style: np.ndarray  # (B,) int64

    def __len__(self) -> int:
        return len(self.background)

    def copy(self) -> "Layout":
        """A deep copy, for edits."""
        return Layout(**{f.name: getattr(self, f.name).copy() for f in fields(self)})


def layout(world, draw: Draw) -> Layout:
    """Draw everything about the scenes of `world` that is not a pixel."""
    low, high = world.objects
    count = low + draw.integers("count", high - low + 1)[:, 0]
    present = np.arange(high) < count[:, None]
    shape, colour, texture = _kinds(world, draw, present)
    size = draw.integers("size", len(world.sizes), high)
    pose = draw.integers("pose", len(world.poses), high)
    angle = _angles(world, draw, pose)
    poseless = np.array([name in POSELESS for name in world.shapes])
    pose = np.where(poseless[shape], -1, pose)  # after the angle: a circle's texture turns too
    fill = _fills(world, draw, size)
    x, y, radius, place = _places(world, draw, fill, count)
    return Layout(
        shape, colour, texture, size, pose, place, present, x, y, radius, angle,
        background=draw.integers("background", len(world.backgrounds))[:, 0],
        style=draw.integers("style", len(world.styles))[:, 0],
    )  # fmt: skip


def _kinds(world, draw: Draw, present: np.ndarray):
    """Shape, colour, texture (B, K) from the split's combinations. With `distinct`, no two objects of a scene
    share a shape or a colour: an object is drawn anew until it fits, after 30 tries the scene is."""
    k = present.shape[1]
    out = world.combinations[draw.integers("kind", len(world.combinations), k)]  # (B, K, 3)
    for attempt in range(1, 2000 if world.distinct and k > 1 else 0):
        clash = _clashes(out) & present  # (B, K)
        rows = np.flatnonzero(clash.any(axis=1))
        if len(rows) == 0:
            break
        again = draw.rows(rows).integers(f"kind.{attempt}", len(world.combinations), k)
        anew = np.ones_like(clash[rows]) if attempt % 30 == 0 else clash[rows]
        out[rows] = np.where(anew[..., None], world.combinations[again], out[rows])
    else:
        if world.distinct and k > 1:
            raise ValueError(f"found no {k} objects without a shared shape or colour; use distinct=False or fewer")
    return out[..., 0], out[..., 1], out[..., 2]


def _clashes(kinds: np.ndarray) -> np.ndarray:
    """(B, K) bool: the object shares its shape or colour with an earlier one."""
    same = (kinds[:, :, None, :2] == kinds[:, None, :, :2]).any(axis=3)  # (B, K, K)
    return (same & np.tri(kinds.shape[1], k=-1, dtype=bool)).any(axis=2)


def _angles(world, draw: Draw, pose: np.ndarray) -> np.ndarray:
    """Angles (B, K): with one pose, anything up to `rotation`; with two, two bands well apart."""
    upright = (0.0, 4.0 if len(world.poses) > 1 else world.rotation)
    low, high = np.deg2rad([TILTED if p == "tilted" else upright for p in world.poses]).T
    turn = low[pose] + draw.uniform("angle", pose.shape[1]) * (high - low)[pose]
    return np.where(draw.uniform("angle.side", pose.shape[1]) < 0.5, turn, -turn)


def _fills(world, draw: Draw, size: np.ndarray) -> np.ndarray:
    """Shares of the cell (B, K): each size has a band of `fill`, with gaps between the bands."""
    low, high = world.fill
    n = len(world.sizes)
    step = (high - low) / (1.4 * n - 0.4)  # n bands of one step, gaps of 0.4
    return low + step * (1.4 * size + draw.uniform("fill", size.shape[1]))


def _places(world, draw: Draw, fill: np.ndarray, count: np.ndarray):
    """Centres, radii and places: one object has the frame, more share a grid of cells without overlap
    (`overlap` lets them stray by that share of a cell). Place -1: one object, always near the centre."""
    b, k = fill.shape
    grid = np.ceil(np.sqrt(count)).astype(np.int64)[:, None]  # (B, 1) cells a side
    cell = draw.permutation("cell", world.grid**2)  # of the largest grid; the others take what lies inside
    col, row = np.empty((b, k), np.int64), np.empty((b, k), np.int64)
    for g in np.unique(grid):
        rows = np.flatnonzero(grid[:, 0] == g)
        inside = cell[rows]
        keep = np.argsort(inside >= g * g, axis=1, kind="stable")[:, : min(k, g * g)]
        picked = np.zeros((len(rows), k), np.int64)
        picked[:, : keep.shape[1]] = np.take_along_axis(inside, keep, axis=1)
        col[rows], row[rows] = picked % g, picked // g
    third = draw.integers("third", 9, k)
    alone = (count == 1)[:, None]
    tx, ty = third % 3 - 1, third // 3 - 1  # -1, 0, 1
    jx, jy = draw.uniform("jitter.x", k) * 2 - 1, draw.uniform("jitter.y", k) * 2 - 1
    room = np.where(alone, world.spread, 1) * (1 - fill) / 2 + np.where(alone, 0, world.overlap)
    dx = np.where(alone, 0.75 * tx + 0.25 * jx, jx) * room
    dy = np.where(alone, 0.75 * ty + 0.25 * jy, jy) * room
    x, y = (col + 0.5 + dx) / grid, (row + 0.5 + dy) / grid
    side = np.where(alone, tx, _third(col, grid))
    down = np.where(alone, ty, _third(row, grid))
    named = ~alone | (world.spread >= SPREAD)
    return x, y, fill / 2 / grid, np.where(named, (down + 1) * 3 + side + 1, -1)


def _third(cell: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """-1, 0 or 1 for a cell in the first, middle or last part of `grid` cells."""
    off = 2 * cell - (grid - 1)
    return np.where(np.abs(off) <= (grid > 2), 0, np.sign(off))
