"""The `pretraining` protocol: two towers from scratch on single-object scenes, judged by zero-shot classification.

All arms of one seed share the initial weights, the pool and the order of its pairs; what is compared is the only
thing that differs. The budget is a number of pairs, never seconds. Papers: clip (objective), flip, siglip.
"""

from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch

from ..data.scenes import World
from ..data.stream import Pool
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..models import CLIP, ClipConfig, WordTokenizer
from ..train import TrainConfig

POOL_SEED, TEST_SEED = 0, 1


@dataclass(frozen=True)
class Pretraining:
    """One configuration of the protocol. Sizes are those of `ClipConfig`, `TrainConfig` and `World`.

    Attributes:
        world: what is rendered. pool: training scenes. test: scenes for the evaluation, never in the pool.
        pairs: image-text pairs seen in one run. batch_size, lr: of that run.
    """

    world: World = World(detail="varied")
    pool: int = 20_000
    test: int = 1_000
    patch_size: int = 4
    width: int = 64
    depth: int = 3
    heads: int = 2
    text_width: int = 64
    text_depth: int = 1
    embed_dim: int = 64
    context: int = 20
    pairs: int = 20_000
    batch_size: int = 32
    lr: float = 1e-3

    @cached_property
    def tokenizer(self) -> WordTokenizer:
        """Words of the world; a caption that does not fit is an error, not a silent cut."""
        return WordTokenizer(self.world.vocabulary(), self.context, strict=True)

    @cached_property
    def train_pool(self) -> Pool:
        """The training scenes, rendered once."""
        return Pool(self.world, self.pool, self.tokenizer, POOL_SEED)

    @cached_property
    def test_pool(self) -> Pool:
        """The test scenes: another seed of the same world."""
        return Pool(self.world, self.test, self.tokenizer, TEST_SEED)

    def model(self, seed: int, patch_dropout: float = 0.0, **changes) -> CLIP:
        """Fresh towers; the same seed gives the same weights for every arm."""
        config = ClipConfig(
            words=tuple(self.world.vocabulary()),
            image_size=self.world.resolution,
            **{k: getattr(self, k) for k in ("patch_size", "width", "depth", "heads")},
            **{k: getattr(self, k) for k in ("text_width", "text_depth", "embed_dim", "context")},
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CLIP(replace(config, **changes), patch_dropout)

    def schedule(self, seed: int, pairs: int | None = None, **changes) -> TrainConfig:
        """The training configuration for a number of pairs (default: the protocol's)."""
        config = TrainConfig(1, self.batch_size, self.lr, seed=seed)
        config = replace(config, **changes)
        return replace(config, steps=max(1, (pairs or self.pairs) // config.batch_size))

    def zero_shot(self, model: CLIP) -> dict[str, float]:
        """Accuracy on the test scenes of classifiers written as sentences, one per attribute: {"shape": ..., ...}."""
        u = encode_images(model, self.test_pool.floats())
        out = {}
        for attribute in ("shape", "colour", "texture"):
            values = self.world.classes(attribute)
            if len(values) > 1:
                prompts = [self.world.prompts(**{attribute: v}) for v in values]
                guess = predict(u, class_embeddings(model, prompts))
                out[attribute] = accuracy(guess, self.test_pool.labels[attribute][:, 0])
        return out

    def retrieval(self, model: CLIP) -> dict[str, float]:
        """Recall@1 both ways among test scenes whose captions are unique."""
        group = self.test_pool.group
        first = torch.tensor([int((group == g).nonzero()[0]) for g in group.unique()])
        u = encode_images(model, self.test_pool.floats(first))
        v = encode_texts(model, [self.test_pool.captions[i] for i in first])
        return recall_at_k(u, v, ks=(1,))

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self)
