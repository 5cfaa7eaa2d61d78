"""The `pretraining` protocol in the data-limited regime: few captioned scenes, seen several times. Papers: cyclip.

Classes are combinations of shape and colour. A class is named in two ways, by sentences and by the labelled training images
nearby; the test is in the styles of training, in styles that training never shows, and on combinations that it never shows.
All arms of a seed share the initial weights and the order of the pairs.
"""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from ..data.scenes import World
from ..data.stream import Pool
from ..evals import LinearProbe, accuracy, class_embeddings, encode_images, encode_texts, predict
from ..evals.consistency import neighbour_vote, residuals
from ..losses.cyclip import CyClipLoss, MispairedCyClipLoss
from ..models import CLIP
from ..train import train
from .pretraining import TEST_SEED, Pretraining

STYLES, UNSEEN = ("flat", "shaded"), ("photo", "painting")
KS = (1, 3, 5, 10, 30)
WORLD = World(
    shapes=8, colours=6, textures=1, sizes=1, backgrounds=1, styles=STYLES, held_out="combinations", detail="varied",
    rotation=0.0, spread=0.0, fill=(0.75, 0.95),
)  # fmt: skip


@dataclass
class Answers:
    """What a model says of B test images: by_text (B,) from sentences, by_image k -> (B,) from the k nearest labelled images,
    truth (B,); all numbers of classes."""

    by_text: Tensor
    by_image: dict[int, Tensor]
    truth: Tensor

    @property
    def variety(self) -> float:
        """The effective number of classes that the sentences name, exp(entropy), as a share of those there are."""
        p = torch.bincount(self.by_text).double() / len(self.by_text)
        return (torch.special.entr(p).sum().exp() / len(self.truth.unique())).item()


@dataclass(frozen=True)
class Limited(Pretraining):
    """`Pretraining` with the sizes for few scenes; weight: of each penalty, $\\lambda_1=\\lambda_2$.

    World, sizes and learning rate are those at which CLIP alone is half right after a hundred steps, on seeds 10 and 11, where
    1e-3 was better on average than 2e-3 and 3e-3; the penalties had no part in the choice.
    """

    world: World = field(default_factory=lambda: WORLD)
    pool: int = 2_048
    test: int = 1_000
    patch_size: int = 8
    context: int = 16
    pairs: int = 6_400
    batch_size: int = 64
    lr: float = 1e-3
    weight: float = 0.25
    device: str = "cpu"

    @property
    def losses(self) -> dict[str, nn.Module]:
        """Arm -> its loss: without penalties, with both, with one of them, and with both on mismatched rows."""
        w = self.weight
        return {
            "clip": CyClipLoss(0.0, 0.0),
            "cyclip": CyClipLoss(w, w),
            "cross": CyClipLoss(0.0, w),
            "inside": CyClipLoss(w, 0.0),
            "mispaired": MispairedCyClipLoss(w, w),
        }

    def fit(self, arm: str, seed: int, **changes) -> CLIP:
        """Train one arm from scratch. changes: other settings of `TrainConfig`."""
        model, plan = self.model(seed), self.schedule(seed, **changes)
        batches = self.train_pool.batches(plan.batch_size, seed)
        train(model, batches, self.losses[arm], plan, self.device, label=f"{arm}, seed {seed}")
        return model.eval()

    @cached_property
    def shifted(self) -> Pool:
        """Test scenes in styles that training never shows."""
        return Pool(self.world(styles=UNSEEN), self.test, self.tokenizer, TEST_SEED)

    @cached_property
    def novel(self) -> Pool:
        """Test scenes of combinations that training never shows."""
        return Pool(self.world(split="novel"), self.test // 2, self.tokenizer, TEST_SEED)

    @staticmethod
    def classes(world: World) -> list[tuple[str, str]]:
        """The (shape, colour) pairs of a world's split, in the order of the class numbers."""
        pairs = sorted({(int(s), int(c)) for s, c, _ in world.combinations})
        return [(world.shapes[s], world.colours[c]) for s, c in pairs]

    def labels(self, pool: Pool) -> Tensor:
        """(n,) class numbers of a pool's scenes."""
        number = {pair: i for i, pair in enumerate(self.classes(pool.world))}
        named = zip(pool.labels["shape"][:, 0].tolist(), pool.labels["colour"][:, 0].tolist(), strict=True)
        return torch.tensor([number[pool.world.shapes[s], pool.world.colours[c]] for s, c in named])

    def sentences(self, model: CLIP, world: World) -> Tensor:
        """Class embeddings (C, D) from the prompts of shape and colour."""
        return class_embeddings(model, [world.prompts(shape=s, colour=c) for s, c in self.classes(world)])

    def answers(self, model: CLIP, pool: Pool, gallery: Tensor, u: Tensor) -> Answers:
        """Both classifiers on a pool's images, u their features; gallery: features of the training images."""
        near = neighbour_vote(u, gallery, self.labels(self.train_pool), KS)
        return Answers(predict(u, self.sentences(model, pool.world)), near, self.labels(pool))

    def evaluate(self, model: CLIP) -> tuple[Answers, dict[str, float]]:
        """Answers on the test scenes of known styles, and "zero_shot", "shift" and "novel": accuracy by sentences in known
        styles, unseen styles and on unseen combinations; "neighbours", accuracy of the five nearest images; "probe", of a
        linear probe of the shape; "variety"; and `residuals` on the test pairs."""
        gallery = encode_images(model, self.train_pool.floats())
        u, u_shift, u_novel = (encode_images(model, pool.floats()) for pool in (self.test_pool, self.shifted, self.novel))
        known = self.answers(model, self.test_pool, gallery, u)
        shape, half = self.test_pool.labels["shape"][:, 0], len(u) // 2
        return known, {
            "zero_shot": accuracy(known.by_text, known.truth),
            "shift": accuracy(predict(u_shift, self.sentences(model, self.shifted.world)), self.labels(self.shifted)),
            "novel": accuracy(predict(u_novel, self.sentences(model, self.novel.world)), self.labels(self.novel)),
            "neighbours": accuracy(known.by_image[5], known.truth),
            "probe": LinearProbe(10.0).fit(u[:half], shape[:half]).accuracy(u[half:], shape[half:]),
            "variety": known.variety,
            **residuals(u, encode_texts(model, self.test_pool.captions)),
        }
