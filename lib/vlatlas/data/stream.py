"""Training streams: step -> batch, the same step always the same batch."""

from collections.abc import Callable

import torch
from torch import Tensor

from .scenes.world import World


class Pool:
    """A finite training set, rendered once, kept as bytes: images, token ids, and groups of equal captions.

    Args:
        world: what to render. size: number of scenes. tokenizer: texts -> ids (B, T). seed: of the scenes.

    Attributes: images (n, 3, H, W) uint8, ids (n, T) long, group (n,) long, equal where captions are equal,
        labels as of `Batch.labels`, captions.
    """

    def __init__(self, world: World, size: int, tokenizer, seed: int = 0, chunk: int = 4096):
        self.world, self.seed, self.size = world, seed, size
        images, ids, labels, self.captions = [], [], [], []
        for start in range(0, size, chunk):
            batch = world.batch(seed, range(start, min(size, start + chunk)))
            images.append((batch.images * 255 + 0.5).to(torch.uint8))
            ids.append(tokenizer(batch.captions))
            labels.append(batch.labels)
            self.captions += batch.captions
        self.images, self.ids = torch.cat(images), torch.cat(ids)
        self.labels = {k: torch.cat([part[k] for part in labels]) for k in labels[0]}
        self.group = torch.unique(self.ids, dim=0, return_inverse=True)[1]

    def __len__(self) -> int:
        return self.size

    def floats(self, rows=slice(None)) -> Tensor:
        """Images (B, 3, H, W) float32 in [0, 1]."""
        return self.images[rows].float().div_(255)

    def batches(self, batch_size: int, seed: int = 0, with_groups: bool = True, indices: bool = False) -> Callable[[int], tuple]:
        """step -> (images, ids, {"group": ...}), or the row numbers alone with `indices`. The pool is walked in a new
        random order in every epoch.

        Raises:
            ValueError: a batch larger than the pool.
        """
        if batch_size > self.size:
            raise ValueError(f"batch size {batch_size} is larger than the pool of {self.size}; render a larger pool")
        per_epoch = self.size // batch_size
        orders: dict[int, Tensor] = {}

        def batch(step: int):
            epoch, place = divmod(step, per_epoch)
            if epoch not in orders:
                orders.clear()
                generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
                orders[epoch] = torch.randperm(self.size, generator=generator)
            rows = orders[epoch][place * batch_size : (place + 1) * batch_size]
            if indices:
                return rows
            further = {"group": self.group[rows]} if with_groups else {}
            return self.floats(rows), self.ids[rows], further

        return batch
