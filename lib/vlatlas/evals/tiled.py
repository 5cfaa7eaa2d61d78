"""Retrieval and zero-shot classification among very many candidates, by blocks: exact, without the matrix of scores."""

import torch
from torch import Tensor

ROWS, COLUMNS = 1024, 2048  # of a block of scores


def tiled_topk(queries: Tensor, keys: Tensor, k: int, rows: int = ROWS, columns: int = COLUMNS) -> tuple[Tensor, Tensor]:
    """The k keys with the largest inner product for every query, best first; among equal scores the earlier key.

    A block's score enters only if it beats the k-th best so far, which few do after the first block; the others cost a
    comparison. Memory O(rows * columns + Q k).

    Shapes: queries (Q, D), keys (K, D). Returns scores (Q, k) and indices (Q, k) long. With k = 1 and class embeddings
    as keys, the indices are zero-shot predictions.

    Raises:
        ValueError: k not in 1..K, features of unequal width, no query, or scores that are not a number.
    """
    _check(queries, keys)
    if not 1 <= k <= len(keys):
        raise ValueError(f"k = {k} of {len(keys)} keys: give a k from 1 to {len(keys)}")
    parts = [_best(q, keys, k, columns) for q in queries.split(rows)]
    return tuple(torch.cat(x) for x in zip(*parts, strict=True))


def _best(queries: Tensor, keys: Tensor, k: int, columns: int) -> tuple[Tensor, Tensor]:
    Q = len(queries)
    scores = torch.full((Q, k), -torch.inf, dtype=queries.dtype, device=queries.device)
    indices = torch.full((Q, k), -1, device=queries.device)
    start = 0
    while start < len(keys):
        width = columns if start else min(columns, max(k, 64))  # a few keys first: all of them beat nothing, and are sorted
        S = queries @ keys[start : start + width].T  # (Q, width)
        row, column = (S > scores[:, -1:]).nonzero(as_tuple=True)  # by rows, and by columns within a row
        first, start = start, start + width
        if not len(row):
            continue
        count = torch.bincount(row, minlength=Q)
        place = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count)[row]  # within its row
        more = torch.full((Q, int(count.max())), -torch.inf, dtype=S.dtype, device=S.device)
        which = torch.full_like(more, -1, dtype=torch.long)
        more[row, place], which[row, place] = S[row, column], column + first
        merged, order = torch.cat([scores, more], dim=1).sort(dim=1, descending=True, stable=True)
        scores, indices = merged[:, :k], torch.cat([indices, which], dim=1).gather(1, order[:, :k])
    if (indices < 0).any():
        raise ValueError("some scores are not a number or minus infinity: the features hold nan or inf; look upstream")
    return scores, indices


def tiled_recall_at_k(
    image_features: Tensor, text_features: Tensor, ks: tuple[int, ...] = (1, 5, 10), side: int = 2048
) -> dict[str, float]:
    """`recall_at_k` for any number of pairs: the same figures, a block of side x side scores at a time.

    Args:
        image_features, text_features: (N, D), unit rows. ks: cut-offs.

    Returns: {"image_to_text@1": ..., ..., "text_to_image@1": ..., ...}, shares in [0, 1].

    Raises:
        ValueError: the two are not of one shape, empty, or not finite.
    """
    _check(image_features, text_features)
    if image_features.shape != text_features.shape:
        raise ValueError(
            f"features of shapes {tuple(image_features.shape)} and {tuple(text_features.shape)}: retrieval needs as many "
            "images as texts"
        )
    u, v = image_features.split(side), text_features.split(side)
    # The right scores come from the blocks that hold them: rounded like the scores that they are compared with.
    right = [(a @ b.T).diagonal() for a, b in zip(u, v, strict=True)]
    if not all(bool(r.isfinite().all()) for r in right):
        raise ValueError("the features hold nan or inf, so nothing can be ranked; look upstream")
    by_image = [torch.full_like(r, -1, dtype=torch.long) for r in right]  # -1: the right one is not ahead of itself
    by_text = [x.clone() for x in by_image]
    for i, a in enumerate(u):
        for j, b in enumerate(v):
            S = a @ b.T  # (side, side)
            by_image[i] += (S >= right[i][:, None]).sum(dim=1)  # texts at or above the right one
            by_text[j] += (S >= right[j][None, :]).sum(dim=0)
    ahead = {"image_to_text": torch.cat(by_image), "text_to_image": torch.cat(by_text)}
    return {f"{name}@{k}": (x < k).to(torch.float64).mean().item() for name, x in ahead.items() for k in ks}


def _check(a: Tensor, b: Tensor) -> None:
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or len(a) == 0 or len(b) == 0:
        raise ValueError(f"features of shapes {tuple(a.shape)} and {tuple(b.shape)}: give two non-empty matrices of one width")
