"""shifted: six ways to leave the training distribution, at five severities: contrast, high-pass and low-pass filters,
noise, a sketch, held-out combinations. Train on `WORLD` (seed = the run's seed)."""

import torch
from torch import Tensor

from ..scenes.degrade import degrade
from ._digest import digest_of
from ._tensors import fingerprint
from .unseen import TRAIN as WORLD

TEST_SEED = 13_000_000
KINDS = ("contrast", "high-pass", "low-pass", "noise", "sketch", "combinations")
SEVERITIES = (1, 2, 3, 4, 5)
NOVEL, SKETCH = WORLD(split="novel"), WORLD(styles=("sketch",))


def test(kind: str, severity: int, size: int = 1000) -> tuple[Tensor, dict[str, Tensor]]:
    """Images (B, 3, H, W) and labels as `Batch.labels`, of the same scenes for every kind. "sketch": the picture fades into
    its sketch. "combinations": severity / 5 of the scenes are of held-out combinations.

    Raises:
        ValueError: an unknown kind or severity.
    """
    if kind not in KINDS or severity not in SEVERITIES:
        raise ValueError(f"kind {kind!r} must be of {', '.join(KINDS)}, severity {severity} of 1 to 5")
    share, batch = severity / 5, WORLD.batch(TEST_SEED, range(size))
    x = batch.images
    if kind in ("contrast", "noise"):
        return degrade(x, kind, share, batch.draw), batch.labels
    if kind == "low-pass":
        return degrade(x, "blur", share, batch.draw), batch.labels
    if kind == "high-pass":
        low = degrade(x, "blur", 0.5, batch.draw)
        return (x - share * (low - 0.5)).clamp(0, 1), batch.labels
    if kind == "sketch":
        drawn = SKETCH.batch(TEST_SEED, range(size)).images
        return x + share * (drawn - x), batch.labels
    novel = NOVEL.batch(TEST_SEED, range(size))
    new = torch.from_numpy(batch.draw.uniform("shifted.new")[:, 0]) < share  # (B,)
    images = torch.where(new[:, None, None, None], novel.images, x)
    rows = {k: new.view(-1, *[1] * (v.ndim - 1)) for k, v in batch.labels.items()}
    return images, {k: torch.where(rows[k], novel.labels[k], v) for k, v in batch.labels.items()}


def digest() -> str:
    """sha256 of every kind at its middle severity."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(test(k, 3, 50)[0]) for k in KINDS])


FROZEN = "3dc0919481e2fb5f9a874cea8eff75d7e4e26397e4b66062468df8c36ab20ec9"
