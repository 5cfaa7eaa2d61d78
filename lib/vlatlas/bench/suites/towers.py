"""The image tower with patches dropped, against itself with all patches, beside open_clip's own patch dropout.

What is compared with the FLOPs is work, not waiting: processor seconds of one thread, with a batch that is large enough for
the matrix products of a quarter of the tokens.
"""

import contextlib
import time

import torch

from ...models.flops import ideal_speedup
from ..harness import Ratio, ratios, take_turns

SHARES = {0.5: 0.97, 0.75: 0.92}  # of the ideal speed-up, the bar


def patch_dropout(laps: int = 7) -> list[Ratio]:
    """Forward and backward pass of the image tower with patches dropped; 64 tokens, width 192, depth 12."""
    return _against_itself(64, 8, 128, laps)


def patch_dropout_large(laps: int = 5) -> list[Ratio]:
    """The same with 196 tokens (224 px, patch 16)."""
    return _against_itself(224, 16, 64, laps)


def _against_itself(image: int, patch: int, batch: int, laps: int) -> list[Ratio]:
    import open_clip.transformer

    from ...models import VisionTransformer

    images, tokens = torch.rand(batch, 3, image, image), (image // patch) ** 2

    def ours(m: float):
        return VisionTransformer(image, patch, 192, 12, 3, 64, patch_dropout=m).train()

    def theirs(m: float):
        return open_clip.transformer.VisionTransformer(
            image_size=image, patch_size=patch, width=192, layers=12, heads=3, mlp_ratio=4.0, output_dim=64, patch_dropout=m
        ).train()

    out = []
    for label, make in (("ours", ours), ("open_clip", theirs)):
        names = {m: f"{label} mask {m:.0%}, {tokens} tokens" for m in (0.0, *SHARES)}
        with _one_thread():
            times = take_turns({names[m]: _step(make(m), images) for m in names}, laps, 1, clock=time.process_time)
        ideal = {m: ideal_speedup(tokens, 192, 12, m) for m in SHARES}
        notes = {names[m]: f"ideal {ideal[m]:.2f} by FLOPs" for m in SHARES}
        bars = {names[m]: share * ideal[m] for m, share in SHARES.items()} if label == "ours" else {}
        out += [r.barred(bars) for r in ratios(times, names[0.0], notes)]
    return out


def _step(tower, images):
    def run():
        tower.zero_grad(set_to_none=True)
        out = tower(images)
        (out[0] if isinstance(out, tuple) else out).square().sum().backward()

    return run


@contextlib.contextmanager
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
