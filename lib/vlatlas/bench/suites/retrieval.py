"""Retrieval by blocks against the whole matrix of scores."""

import time

import torch

from ..child import product_rate
from ..harness import Ratio, of_products, ratios, take_turns


def retrieval(n: int = 16384, k: int = 10, laps: int = 3) -> list[Ratio]:
    """Best ten of 16,384 keys for as many queries (D = 128), and recall both ways, by blocks against the whole matrix."""
    from ...evals import recall_at_k, tiled_recall_at_k, tiled_topk

    g = torch.Generator().manual_seed(0)
    u, v = (torch.nn.functional.normalize(torch.randn(n, 128, generator=g), dim=1) for _ in range(2))
    top = take_turns(
        {"topk, whole matrix": lambda: (u @ v.T).topk(k, dim=1), "topk by blocks": lambda: tiled_topk(u, v, k)}, laps, 1
    )
    recall = take_turns(
        {"recall, whole matrix": lambda: recall_at_k(u, v), "recall by blocks": lambda: tiled_recall_at_k(u, v)}, laps, 1
    )
    note = f"blocks take 16 MB, the matrix {n * n * 4 / 2**20:.0f} MB"
    return ratios(top, "topk, whole matrix", {"topk by blocks": note}) + ratios(recall, "recall, whole matrix")


def retrieval_large(n: int = 100_000, k: int = 10) -> list[Ratio]:
    """The same at 100,000 by 100,000, where the matrix would take 40 GB, against the time that its product alone would take."""
    from ...evals import tiled_recall_at_k, tiled_topk

    g = torch.Generator().manual_seed(0)
    u, v = (torch.nn.functional.normalize(torch.randn(n, 128, generator=g), dim=1) for _ in range(2))
    out = []
    for name, run in (("topk", lambda: tiled_topk(u, v, k)), ("recall", lambda: tiled_recall_at_k(u, v))):
        rate, began = product_rate(), time.perf_counter()
        run()
        seconds = time.perf_counter() - began
        rate = max(rate, product_rate())
        note = f"{seconds:.0f} s; the product alone would be 1"
        out.append(of_products(f"{name} by blocks N={n}", "2 N^2 D", 2 * n * n * u.shape[1], rate, seconds, note))
    return out
