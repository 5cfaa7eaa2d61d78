"""Both losses, timed in turns or weighed alone: python -m vlatlas.bench.child time|memory ARGUMENTS prints JSON.

A process that holds several candidates knows only the largest one's peak, so memory is taken with one in a process. It is
read from /proc and so needs Linux.
"""

import ctypes
import json
import sys
import time

import torch

D = 512


def make(kind: str, side: str):
    """open_clip's loss, or ours whole ("plain"), kept ("keep") or in blocks ("tiled")."""
    if side == "open_clip":
        from open_clip.loss import ClipLoss, SigLipLoss

        return {"clip": ClipLoss, "siglip": SigLipLoss}[kind]()
    from vlatlas.losses import ClipLoss, SigLipLoss

    tile = {"plain": None, "keep": "keep", "tiled": 512, "auto": "auto"}[side]
    return {"clip": ClipLoss, "siglip": SigLipLoss}[kind](tile=tile)


def features(n: int):
    """Unit-length features of n pairs, scale 14 and bias -10, all of which want a gradient."""
    torch.manual_seed(0)
    u, v = (torch.nn.functional.normalize(torch.randn(n, D), dim=1).requires_grad_() for _ in range(2))
    return u, v, torch.tensor(14.0, requires_grad=True), torch.tensor(-10.0, requires_grad=True)


def step(loss, kind: str, inputs) -> None:
    """Forward and backward pass; the gradients of the last one are dropped first, as an optimizer does."""
    for x in inputs:
        x.grad = None
    loss(*inputs[: 4 if kind == "siglip" else 3]).backward()


def product_rate() -> float:
    """Floating-point operations a second of a float32 matrix product, the roofline at this moment."""
    a, b = torch.rand(2048, D), torch.rand(D, 2048)
    out = torch.empty(2048, 2048)
    best = float("inf")
    for _ in range(6):
        began = time.perf_counter()
        torch.mm(a, b, out=out)
        best = min(best, time.perf_counter() - began)
    return 2 * 2048 * 2048 * D / best


def timed(kind: str, n: int, laps: int, *sides: str) -> dict:
    """Seconds per lap of each side, in turns, and the rate of the matrix product before each lap and after the last."""
    inputs, losses = features(n), {side: make(kind, side) for side in sides}
    seconds, rates = {side: [] for side in sides}, []
    for lap in range(laps + 1):
        rates.append(product_rate())
        for side, loss in losses.items():
            began = time.perf_counter()
            step(loss, kind, inputs)
            if lap or laps == 1:
                seconds[side].append(time.perf_counter() - began)
        if laps == 1:
            break
    rates.append(product_rate())
    return {"seconds": seconds, "rates": rates}


def memory(kind: str, sizes: list[int], side: str) -> list[float]:
    """For each size the extra megabytes at the peak of two steps, over what features and libraries took before."""
    loss, found = make(kind, side), []
    step(loss, kind, features(64))  # libraries' own buffers
    for n in sizes:
        inputs = features(n)
        ctypes.CDLL(None).malloc_trim(0)  # what an earlier size left in the heap would hide what this one takes
        before = _status("VmRSS")
        with open("/proc/self/clear_refs", "w", encoding="ascii") as handle:
            handle.write("5")  # the peak starts anew (proc(5))
        for _ in range(2):
            step(loss, kind, inputs)
        found.append((_status("VmHWM") - before) / 1024)
        del inputs
    return found


def _status(name: str) -> int:
    """A field of this process's status, in KiB."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    what, kind, sizes, *rest = sys.argv[1:]
    if what == "time":
        print(json.dumps(timed(kind, int(sizes), int(rest[0]), *rest[1:])))
    else:
        print(json.dumps(memory(kind, [int(n) for n in sizes.split(",")], rest[0])))
