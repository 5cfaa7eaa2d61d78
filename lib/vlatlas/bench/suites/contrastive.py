"""Both losses against open_clip's: time beside the matrix product's limit, and memory. D = 512, float32."""

import json
import os
import statistics
import subprocess
import sys

from ..child import D, timed
from ..harness import Ratio, less_memory, of_products, ratios

# An allocator that keeps what it has: without fresh pages open_clip's large matrices cost less.
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}
PRODUCTS = {"open_clip": 12, "plain": 6, "keep": 6, "tiled": 8}  # N^2 D floating-point operations of the softmax
SIDES = {"clip": ("open_clip", "keep", "tiled"), "siglip": ("open_clip", "tiled")}
SIZES = (1024, 4096, 8192, 16384)
BARS = {
    "clip auto N=1024": 1.0,
    "siglip auto N=1024": 1.0,
    "clip keep N=8192": 1 / 0.48,
    "clip keep N=8192, memory": 1 / 0.4,
    "clip tiled N=16384": 1 / 0.60,
    "clip tiled N=16384, memory": 45.0,
    "siglip tiled N=16384": 1 / 0.55,
    "siglip tiled N=16384, memory": 50.0,
}
TUNED_BARS = {"clip tiled N=16384, tuned allocator": 1 / 0.70}


def softmax(sizes: tuple[int, ...] = SIZES) -> list[Ratio]:
    """Forward and backward pass of CLIP's loss, matrix kept and in blocks, against open_clip's; time and peak memory."""
    return _against_open_clip("clip", sizes)


def sigmoid(sizes: tuple[int, ...] = SIZES) -> list[Ratio]:
    """Forward and backward pass of SigLIP's loss in blocks, against open_clip's; time and peak memory."""
    return _against_open_clip("siglip", sizes)


def _against_open_clip(kind: str, sizes: tuple[int, ...]) -> list[Ratio]:
    out = []
    for n in sizes:
        out += [r.barred(BARS) for r in _timed(kind, n, ("open_clip", "auto") if n < 2048 else SIDES[kind])]
    heavy = [n for n in sizes if n > 2048]
    taken = {side: _child("memory", kind, ",".join(map(str, heavy)), side) for side in SIDES[kind]} if heavy else {}
    for side, megabytes in taken.items():
        if side != "open_clip":
            for n, ours, theirs in zip(heavy, megabytes, taken["open_clip"], strict=True):
                name = f"{kind} {side} N={n}, memory"
                out.append(less_memory(name, f"{kind} open_clip N={n}", ours, theirs).barred(BARS))
    return out


def softmax_tuned(sizes: tuple[int, ...] = (8192, 16384)) -> list[Ratio]:
    """The softmax again with an allocator that never returns memory to the system (MALLOC_MMAP_MAX_=0)."""
    return [r.barred(TUNED_BARS) for n in sizes for r in _timed("clip", n, SIDES["clip"], TUNED, ", tuned allocator")]


def large(n: int = 65536) -> list[Ratio]:
    """Both losses in blocks where the matrix does not fit, against the time that their products alone would take."""
    out = []
    for kind, factor in (("clip", 8), ("siglip", 6)):
        found = timed(kind, n, 1, "tiled")
        (seconds,), rate = found["seconds"]["tiled"], max(found["rates"])  # one lap of minutes: the stricter rate of the two
        (megabytes,) = _child("memory", kind, n, "tiled")
        name, matrix = f"{kind} tiled N={n}", n * n * 4 / 2**20
        bar, note = 1 / 1.25 if kind == "clip" else None, "the products alone would be 1"
        out.append(of_products(name, f"{factor} N^2 D", factor * n * n * D, rate, seconds, note, bar))
        out.append(
            less_memory(f"{name}, memory", "one matrix", megabytes, matrix).barred(
                {f"clip tiled N={n}, memory": matrix / 320} if kind == "clip" else {}
            )
        )
    return out


def _timed(kind: str, n: int, sides: tuple[str, ...], env: dict | None = None, suffix: str = "") -> list[Ratio]:
    laps = 25 if n < 2048 else 9 if n < 8192 else 5 if n < 16384 else 3
    found = timed(kind, n, laps, *sides) if env is None else _child("time", kind, n, laps, *sides, env=env)
    rate = statistics.median(found["rates"])
    times = {f"{kind} {side} N={n}{suffix}": seconds for side, seconds in found["seconds"].items()}
    notes = {}
    for side, seconds in found["seconds"].items():
        operations = (6 if kind == "siglip" else PRODUCTS.get(side, 6)) * n * n * D
        share = operations / rate / statistics.median(seconds)
        notes[f"{kind} {side} N={n}{suffix}"] = f"products {share:.0%} of its time at {rate / 1e9:.0f} GFLOP/s"
    return ratios(times, f"{kind} open_clip N={n}{suffix}", notes)


def _child(*arguments, env: dict | None = None):
    command = [sys.executable, "-m", "vlatlas.bench.child", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | (env or {}))
    return json.loads(done.stdout.splitlines()[-1])
