"""Blocks of a matrix of logits: whether to use them, their size, and where the diagonal crosses them."""

import mmap

import torch
from torch import Tensor

from .lanes import Work, in_lanes, lanes_for

KEEP_FROM = 1024 * 1024  # logits from which building the gradient along with the loss beats autograd on a CPU
BLOCKS_FROM = 4096 * 4096  # more logits than this (64 MiB in float32) are not kept
SIDE = 512  # rows of a block
COLUMNS = 4  # a block is SIDE rows by COLUMNS * SIDE columns: wide blocks keep the matrix product efficient
KEPT_SIDE = 1024  # a kept matrix is worked on in blocks as well, while they are in the cache; these cost no memory
HUGE = 2**25  # bytes of a kept matrix from which large pages are asked for


def choose_tile(tile: int | str | None, rows: int, columns: int, keep: bool = True) -> int | str | None:
    """What to do with a matrix of this many logits: None (autograd on the plain equation), "keep" (the whole matrix, its
    gradient built by hand in the same place) or the side of blocks.

    Args:
        tile: taken as it is, but "auto" goes by size: None below KEEP_FROM logits, "keep" up to BLOCKS_FROM, blocks
            beyond. keep: whether keeping the matrix is of use; if not, blocks take its place.

    Raises:
        ValueError: anything else.
    """
    if tile == "auto":
        if rows * columns < KEEP_FROM:
            return None
        return SIDE if rows * columns > BLOCKS_FROM or not keep else "keep"
    if tile is None or (tile == "keep" and keep) or (isinstance(tile, int) and not isinstance(tile, bool) and tile > 0):
        return tile
    options = f"a positive number of rows, None (autograd, whole matrix), {'keep, ' if keep else ''}or 'auto'"
    raise ValueError(f"tile {tile!r} must be {options}")


def crossing(i: slice, j: slice, offset: int | None, device) -> tuple[Tensor, Tensor]:
    """Positions within block (i, j) of the entries (r, r + offset): row and column indices, possibly none."""
    if offset is None:  # no pair of this matrix belongs together
        first = last = 0
    else:
        first, last = max(i.start, j.start - offset), min(i.stop, j.stop - offset)
    r = torch.arange(first, max(first, last), device=device)
    return r - i.start, r + (offset or 0) - j.start


class Blocks:
    """How a matrix of logits is cut, and room for them: for the whole matrix ("keep"), or for one block of each lane that is
    used over and over.

    lanes: threads that share the blocks (`lanes_for`); with more than one, blocks are small enough for each to have its own.
    """

    def __init__(self, rows: int, columns: int, tile: int | str, like: dict):
        self.kept, self.lanes = tile == "keep", lanes_for(rows, columns, like["device"])
        side = KEPT_SIDE if self.kept else tile
        height, width = min(side, -(-rows // self.lanes)), min(COLUMNS * side, -(-columns // self.lanes))
        self.rows, self.columns = _slices(rows, height), _slices(columns, width)
        self.room = _matrix(rows, columns, like) if self.kept else torch.empty((self.lanes, height, width), **like)
        self.spare = torch.empty((self.lanes, height, width), **like)

    def run(self, work: Work) -> None:
        """work(lane, i, js) for all rows and columns (`in_lanes`)."""
        in_lanes(work, self.rows, self.columns, self.lanes)

    def block(self, lane: int, i: slice, j: slice) -> Tensor:
        """Where the logits of block (i, j) stand."""
        return self.room[i, j] if self.kept else self.room[lane, : i.stop - i.start, : j.stop - j.start]

    def other(self, lane: int, i: slice, j: slice) -> Tensor:
        """A second block of the same shape, for intermediate values."""
        return self.spare[lane, : i.stop - i.start, : j.stop - j.start]


def _slices(length: int, step: int) -> list[slice]:
    return [slice(i, min(length, i + step)) for i in range(0, length, step)]


def _matrix(rows: int, columns: int, like: dict) -> Tensor:
    """An uninitialised matrix; where Linux offers pages of 2 MiB, on them, which saves the time that many small ones take."""
    bytes_ = rows * columns * like["dtype"].itemsize
    if torch.device(like["device"]).type != "cpu" or not hasattr(mmap, "MADV_HUGEPAGE") or bytes_ < HUGE:
        return torch.empty((rows, columns), **like)
    room = mmap.mmap(-1, bytes_, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(room, dtype=like["dtype"]).view(rows, columns)
