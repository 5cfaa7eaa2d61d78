"""Which combinations a split may show: the rest is never drawn, nor named in a caption."""

import numpy as np

HELD_OUT = ("none", "combinations", "triples", "shapes")
SPLITS = ("train", "novel", "all")


def held(kind: str, shapes: int, colours: int, textures: int) -> np.ndarray:
    """(S, C, T) bool: what is held out.

    "combinations" holds out a quarter of the (shape, colour) pairs, "triples" a quarter of the (shape,
    colour, texture) triples: on a diagonal, so that each value is still seen as often as any other.
    "shapes" holds out the last quarter of the shapes (novel classes). "none" holds out nothing.
    """
    s, c, t = np.ogrid[:shapes, :colours, :textures]
    grid = np.zeros((shapes, colours, textures), bool)
    if kind == "combinations":
        grid |= (s + c) % 4 == 0
    elif kind == "triples":
        grid |= (s + c + t) % 4 == 0
    elif kind == "shapes":
        grid |= s >= shapes - max(1, shapes // 4)
    elif kind != "none":
        raise ValueError(f"held_out {kind!r} is unknown; use one of {', '.join(HELD_OUT)}")
    return grid


def allowed(kind: str, split: str, shapes: int, colours: int, textures: int) -> np.ndarray:
    """(M, 3) the (shape, colour, texture) indices that `split` shows.

    Raises:
        ValueError: an unknown split, or one that is left empty.
    """
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; use one of {', '.join(SPLITS)}")
    grid = held(kind, shapes, colours, textures)
    show = np.ones_like(grid) if split == "all" else (grid if split == "novel" else ~grid)
    if not show.any():
        raise ValueError(
            f"held_out={kind!r} leaves the split {split!r} empty with {shapes} shapes, {colours} colours and "
            f"{textures} textures; choose another held_out or more shapes and colours"
        )
    return np.argwhere(show)
