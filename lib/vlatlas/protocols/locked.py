"""The `locked` protocol: scenes-clip's image tower frozen, text towers trained from scratch on its features.

It makes large batches and many runs cheap: features are computed once. All arms of a seed share the initial weights of
the text tower and the order of the pairs. Papers: siglip (its SigLiT setting).
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..data.stream import Pool
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..methods.lit import LockedImageTuning
from ..models import load
from ..train import TrainConfig
from .shipped import WORLD

POOL_SEED, TEST_SEED = 21, 22


@dataclass(frozen=True)
class Locked:
    """One configuration. pool, test: scenes; pairs: seen in one run; width, depth: of the text tower."""

    pool: int = 30_000
    test: int = 2_000
    pairs: int = 32_768
    width: int = 64
    depth: int = 1
    backbone: str = "scenes-clip"
    detail: str = "full"

    @cached_property
    def world(self):
        """What scenes-clip was trained on, with captions that name every attribute."""
        return WORLD(detail=self.detail)

    @cached_property
    def image_tower(self):
        """The locked model."""
        return load(self.backbone)

    @cached_property
    def train_pool(self) -> Pool:
        """Training scenes."""
        return Pool(self.world, self.pool, self.image_tower.tokenizer, POOL_SEED)

    @cached_property
    def test_pool(self) -> Pool:
        """Test scenes, of another seed."""
        return Pool(self.world, self.test, self.image_tower.tokenizer, TEST_SEED)

    @cached_property
    def features(self) -> Tensor:
        """Locked features of the training scenes, (pool, D), unit rows."""
        return encode_images(self.image_tower, self.train_pool.floats())

    @cached_property
    def test_features(self) -> Tensor:
        """Locked features of the test scenes."""
        return encode_images(self.image_tower, self.test_pool.floats())

    def model(self, seed: int, **start) -> LockedImageTuning:
        """A fresh text tower; the same seed gives the same weights for every arm."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return LockedImageTuning(self.image_tower.tokenizer, self.features.shape[1], self.width, self.depth, **start)

    def batches(self, batch_size: int, seed: int):
        """step -> (locked features, ids), in the pool's order for this seed."""
        order = self.train_pool.batches(batch_size, seed, indices=True)
        return lambda step: (self.features[order(step)], self.train_pool.ids[order(step)])

    def schedule(self, seed: int, batch_size: int, lr: float, pairs: int | None = None) -> TrainConfig:
        """The training configuration: the budget is a number of pairs."""
        return replace(TrainConfig(1, batch_size, lr, seed=seed), steps=max(1, (pairs or self.pairs) // batch_size))

    @cached_property
    def gallery(self) -> Tensor:
        """Rows of the test pool with distinct content (every attribute taken together), at most 1,000: a caption then
        fits one scene only, in whichever words."""
        names = ("shape", "colour", "texture", "size", "background", "style")
        content = torch.stack([self.test_pool.labels[n].flatten() for n in names], dim=1).tolist()
        first = list({tuple(c): i for i, c in enumerate(content)}.values())
        return torch.tensor(sorted(first)[:1000])

    def evaluate(self, model: LockedImageTuning) -> dict[str, float]:
        """Zero-shot accuracy per attribute, and "recall": recall@1 in the gallery, the mean of both directions."""
        out = {}
        for attribute in ("shape", "colour", "texture", "size"):
            w = class_embeddings(model, [self.world.prompts(**{attribute: v}) for v in self.world.classes(attribute)])
            out[attribute] = accuracy(predict(self.test_features, w), self.test_pool.labels[attribute][:, 0])
        texts = encode_texts(model, [self.test_pool.captions[i] for i in self.gallery])
        recall = recall_at_k(self.test_features[self.gallery], texts, ks=(1,))
        return out | {"recall": sum(recall.values()) / 2}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self)
