"""Blocks of a matrix shared out among threads that each work alone, in an order that does not depend on their speed."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch

NARROW = 512  # rows or columns: with fewer for each thread, to hand out the work costs more than it saves

Work = Callable[[int, slice, list[slice]], None]


def lanes_for(rows: int, columns: int, device) -> int:
    """How many threads share a matrix: torch's on a CPU, as far as each has NARROW rows and columns of its own; else 1."""
    if torch.device(device).type != "cpu":
        return 1
    return max(1, min(torch.get_num_threads(), rows // NARROW, columns // NARROW))


def in_lanes(work: Work, rows: list[slice], columns: list[slice], lanes: int) -> None:
    """Call work(lane, i, js) so that every block of rows i meets every block of columns once.

    Torch shares out each operation, and its threads wait for one another after each: with several operations on every block
    they wait most of the time as soon as one of them is held up. Here a thread takes a block of rows and walks through its
    share of the columns alone; then all exchange shares. At any time no two hold the same rows or columns, so they may add to
    what belongs to these without a lock, and always in the same order: the sums do not depend on who was faster.

    Raises:
        What `work` raises.
    """
    if lanes == 1:
        for i in rows:
            work(0, i, columns)
        return
    shares = [columns[len(columns) * k // lanes : len(columns) * (k + 1) // lanes] for k in range(lanes)]
    threads, inference = torch.get_num_threads(), torch.is_inference_mode_enabled()

    def alone(lane: int, i: slice, js: list[slice]) -> None:
        torch.set_num_threads(max(1, threads // lanes))  # of this thread's operations
        with torch.inference_mode(inference), torch.no_grad():  # both belong to a thread
            work(lane, i, js)

    try:
        for first in range(0, len(rows), lanes):
            group = rows[first : first + lanes]
            for turn in range(lanes):
                tasks = [(lane, i, shares[(lane + turn) % lanes]) for lane, i in enumerate(group)]
                others = [_pool(os.getpid(), lanes).submit(alone, *task) for task in tasks[1:]]
                try:
                    alone(*tasks[0])
                finally:  # nothing is given up while somebody still writes
                    for other in others:
                        other.exception()
                for other in others:
                    other.result()
    finally:
        torch.set_num_threads(threads)


@cache
def _pool(process: int, lanes: int) -> ThreadPoolExecutor:
    """Threads that stay, of this process: what a fork inherits has none."""
    return ThreadPoolExecutor(lanes - 1, thread_name_prefix="vlatlas-blocks")
