"""Image-text pairs of real data as an endless stream of batches."""

import itertools
from collections.abc import Iterator

import torch
from torch import Tensor

from ...data.adapters import coco, hugging_face
from ...data.manifest import Manifest
from ...data.webdata import Shards, expand, read


def one_pass(source: str, manifest: Manifest, text: str = "txt") -> Iterator[tuple[object, tuple[str, ...]]]:
    """(PIL image, its captions) of every usable pair of a source, in the source's order; losses go to the manifest.

    source: shards ("cc3m/{00000..00331}.tar", several joined by "::"), "coco:ANNOTATIONS:IMAGES", or
    "hf:NAME[:SPLIT[:IMAGE:TEXT]]" with the names of the two columns. text: of shards, see `webdata.read`.

    Raises:
        ValueError: a coco or hf source with too few or too many parts; says how to write it.
    """
    kind, _, rest = source.partition(":")
    parts = rest.split(":")
    if kind == "coco":
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"{source!r} is not of the form coco:ANNOTATIONS:IMAGES, a file and a folder")
        return ((e.image, e.captions) for e in coco(*parts, manifest))
    if kind == "hf":
        if len(parts) not in (1, 2, 4) or not all(parts):
            raise ValueError(f"{source!r} is not of the form hf:NAME, hf:NAME:SPLIT or hf:NAME:SPLIT:IMAGE:TEXT")
        return ((e.image, e.captions) for e in hugging_face(parts[0], manifest, *parts[1:]))
    return ((i, (t,)) for p in source.split("::") for url in expand(p) for _, i, t in read(url, manifest, text))


class Pairs:
    """An endless, reproducible stream of batches: batches(step) -> (images (B, 3, H, W), ids (B, T)).

    source: as of `one_pass`. An image with several captions gives another one in every pass. Steps must be asked for in
    order, since shards are read forwards. The manifest is that of the latest pass over shards of the first process.

    Raises:
        ValueError: a batch larger than the data set, or a step out of order.
    """

    def __init__(self, source: str, transform, tokenizer, batch_size: int, seed: int = 0, text: str = "txt", shuffle: int = 5000):
        self.source, self.transform, self.tokenizer = source, transform, tokenizer
        self.batch_size, self.next, self.epoch = batch_size, 0, 0
        self.manifest = Manifest(source)
        self.shards = None
        if not source.startswith(("coco:", "hf:")):
            self.shards = Shards(source, transform=transform, text=text, shuffle=shuffle, seed=seed)
        self.stream = self._forever()

    def _once(self):
        if self.shards is not None:
            self.shards.epoch = self.epoch
            for sample in self.shards:
                self.manifest = self.shards.manifest
                yield sample
            return
        self.manifest = Manifest(self.source)
        for image, captions in one_pass(self.source, self.manifest):
            yield self.transform(image), captions[self.epoch % len(captions)]

    def _forever(self):
        while True:
            count = 0
            for sample in self._once():
                count += 1
                yield sample
            self.epoch += 1
            if count < self.batch_size:
                raise ValueError(
                    f"{self.source} has {count} usable pairs, fewer than a batch of {self.batch_size}: lower --batch-size "
                    f"or give more data ({self.manifest.summary()})"
                )

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        if step != self.next:
            raise ValueError(f"step {step} asked for, {self.next} is next: shards are read forwards; make a new Pairs")
        self.next += 1
        images, texts = zip(*itertools.islice(self.stream, self.batch_size), strict=True)
        return torch.stack(images), self.tokenizer(list(texts))
