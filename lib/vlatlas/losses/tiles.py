"""Blocks of a matrix of logits: their size, and where its diagonal crosses them."""

from collections.abc import Iterator

import torch
from torch import Tensor

AUTO_TILE_FROM = 2048 * 2048  # logits from which blocks are the faster form on a CPU
COLUMNS = 4  # a block is tile rows by COLUMNS * tile columns: wide blocks keep the matrix product efficient


def choose_tile(tile: int | str | None, rows: int, columns: int) -> int | None:
    """The side of the blocks, or None for the whole matrix; "auto" decides by the number of logits."""
    if tile == "auto":
        return 512 if rows * columns >= AUTO_TILE_FROM else None
    if tile is not None and (not isinstance(tile, int) or tile < 1):
        raise ValueError(f"tile {tile!r} must be a positive number of rows, None (whole matrix) or 'auto'")
    return tile


def blocks(rows: int, columns: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """(row slice, column slice) of every block."""
    for i in range(0, rows, tile):
        for j in range(0, columns, COLUMNS * tile):
            yield slice(i, min(rows, i + tile)), slice(j, min(columns, j + COLUMNS * tile))


def crossing(i: slice, j: slice, offset: int, device) -> tuple[Tensor, Tensor]:
    """Positions within block (i, j) of the entries (r, r + offset): row and column indices, possibly none."""
    first, last = max(i.start, j.start - offset), min(i.stop, j.stop - offset)
    r = torch.arange(first, max(first, last), device=device)
    return r - i.start, r + offset - j.start
