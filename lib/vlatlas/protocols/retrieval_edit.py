"""The `retrieval-edit` protocol: find the scene that an instruction makes of a reference scene. Papers: clip4cir.

A query is a reference image and "make the star red."; its gallery of 1,000 holds the edited scene, the reference itself, ten
other edits of the same scene, and strangers. A fifth of the instructions never occur in training.
"""

import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes.edits import edit
from ..data.splits import edits
from ..evals import accuracy, class_embeddings, predict
from ..methods.clip4cir import Combiner, CombinerStage, TaskTowers, composed_loss, summed
from ..methods.last_layers import enter_last_layers
from ..methods.token_fusion import FusionStage, TokenFusion, word_states
from ..models import load
from ..train import TrainConfig, train
from .shipped import WORLD as ALONE

TRAIN_SEED, STRANGER_SEED = 10_100_000, 10_200_000
OWN = 2 + edits.OTHERS  # candidates of a query's own scene: target, reference, other edits
WEIGHTS = tuple(k / 20 for k in range(1, 20))  # of the text, in the sum that is tuned by one number


def held_out(instruction: str) -> bool:
    """Is this one of the fifth of the instructions that training never shows? Decided by the words alone."""
    return zlib.crc32(instruction.encode()) % 5 == 0


@dataclass(eq=False)
class Triplets:
    """What enters the last image block for N references and targets, (N, T, W), the N instructions, and their ids."""

    reference: Tensor
    target: Tensor
    texts: list[str]
    ids: Tensor

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(eq=False)
class Queries(Triplets):
    """Queries with their own candidates (N, 12, T, W) and the strangers (S, T, W) that all of them share."""

    own: Tensor
    strangers: Tensor


@dataclass(frozen=True)
class RetrievalEdit:
    """One configuration. triplets: to train on; queries: to test; gallery: candidates of each query; steps, batch, lr: of
    stage 1; combiner_*: of stage 2, on cached features; fusion_*: of the heavier rival, which learns about as long as both
    stages take; scale: the loss's, fixed; singles: objects of the zero-shot test.

    Rates were chosen on seeds 10 and 11 by each arm's own recall.
    """

    triplets: int = 2_000
    queries: int = 150
    gallery: int = 1_000
    steps: int = 120
    batch: int = 64
    lr: float = 1.5e-3
    combiner_steps: int = 250
    combiner_batch: int = 128
    combiner_lr: float = 1e-3
    fusion_steps: int = 300
    fusion_lr: float = 4e-3
    scale: float = 100.0
    singles: int = 500
    backbone: str = "scenes-clip"

    @cached_property
    def clip(self):
        """The towers as they ship."""
        return load(self.backbone)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def train_set(self, seed: int) -> Triplets:
        """Training triplets: those of a sequence whose instruction is not held out."""
        index, start = [], 0
        while len(index) < self.triplets:
            numbers = range(start, start + self.triplets)
            texts = edit(edits.WORLD.batch(TRAIN_SEED + seed, numbers))[1]
            index += [k for k, text in zip(numbers, texts, strict=True) if not held_out(text)]
            start += self.triplets
        return self._triplets(*edits.triplets(TRAIN_SEED + seed, index[: self.triplets]))

    def _triplets(self, reference, texts: list[str], target) -> Triplets:
        enter = (enter_last_layers(self.clip, b.images) for b in (reference, target))
        return Triplets(*enter, texts, self.clip.tokenizer(texts))

    @staticmethod
    def mismatched(data: Triplets, seed: int) -> Triplets:
        """The same triplets, each with the instruction of another: nothing can be learnt from the words."""
        order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed)).tolist()
        turn = torch.empty(len(data), dtype=torch.long)
        turn[order] = torch.tensor(order[1:] + order[:1])  # one cycle: nobody keeps its own
        return Triplets(data.reference, data.target, [data.texts[k] for k in turn.tolist()], data.ids[turn])

    @cache  # noqa: B019
    def test_images(self, seed: int) -> tuple[Tensor, list[str], Tensor]:
        """References (N, 3, H, W), instructions, and each query's own candidates (N, 12, 3, H, W): 0 the target, 1 the
        reference, then other edits; an edit that repeats the target is a stranger. For seed 0 those of `splits.edits`."""
        first = edits.TEST_SEED + 2 * seed
        batch, texts, target = edits.triplets(first, range(self.queries))
        strangers, images = edits.WORLD.batch(first + 1, range(self.queries)).images, [target.images, batch.images]
        for n in range(1, edits.OTHERS + 1):
            other = edit(batch, n)[0].images
            same = (other == target.images).flatten(1).all(dim=1)
            images.append(torch.where(same[:, None, None, None], strangers, other))
        return batch.images, texts, torch.stack(images, dim=1)

    @cache  # noqa: B019
    def test_set(self, seed: int) -> Queries:
        """The queries of a seed with their galleries.

        Raises:
            ValueError: a gallery too small for a query's own candidates.
        """
        if self.gallery < OWN:
            raise ValueError(f"gallery {self.gallery} must hold the {OWN} candidates of a query's own scene")
        _, texts, images = self.test_images(seed)
        own = enter_last_layers(self.clip, images.flatten(0, 1)).unflatten(0, images.shape[:2])
        others = edits.WORLD.batch(STRANGER_SEED + seed, range(max(1, self.gallery - OWN))).images
        strangers = enter_last_layers(self.clip, others)[: self.gallery - OWN]
        return Queries(own[:, 1], own[:, 0], texts, self.clip.tokenizer(texts), own, strangers)

    def tuned(self, seed: int, tune: str = "both", steps: int | None = None, data: Triplets | None = None) -> TaskTowers:
        """Stage 1: towers tuned under the sum ("both", "text", or "none" for the shipped ones)."""
        towers = TaskTowers(self.clip, tune)
        if tune == "none":
            return towers
        data = data or self.train_set(seed)
        entered = (data.reference, data.ids, data.target)
        if tune == "text":  # image features never change: compute them once
            with torch.no_grad():
                entered = (towers.image(data.reference), data.ids, towers.image(data.target))
        config = TrainConfig(steps or self.steps, self.batch, self.lr, weight_decay=0.01, seed=seed)
        train(towers, _rows(len(data), self.batch, seed, entered), self._loss, config, "cpu", label=f"stage 1, {tune}")
        return towers.eval()

    def combiner(self, seed: int, towers: TaskTowers, data: Triplets | None = None, **parts: bool) -> Combiner:
        """Stage 2: a Combiner on the frozen features of these towers."""
        data = data or self.train_set(seed)
        features = self.features(towers, data)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            combiner = Combiner(features[0].shape[1], **parts)
        config = TrainConfig(self.combiner_steps, self.combiner_batch, self.combiner_lr, weight_decay=0.01, seed=seed)
        batches = _rows(len(data), self.combiner_batch, seed, features)
        train(CombinerStage(combiner), batches, self._loss, config, "cpu", label="stage 2")
        return combiner.eval()

    def fusion(self, seed: int, towers: TaskTowers) -> TokenFusion:
        """The heavier rival: attention over the frozen towers' patches and words, trained by the same loss on the
        same triplets."""
        data = self.train_set(seed)
        words, there = word_states(towers.model.text, data.ids)
        with torch.no_grad():
            target = towers.image(data.target)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            fusion = TokenFusion(data.reference.shape[2], words.shape[2], target.shape[1])
        config = TrainConfig(self.fusion_steps, self.batch, self.fusion_lr, weight_decay=0.01, seed=seed)
        batches = _rows(len(data), self.batch, seed, (data.reference, words, there, target))
        train(FusionStage(fusion), batches, self._loss, config, "cpu", label="fusion")
        return fusion.eval()

    @torch.no_grad()
    def fusion_scores(self, test: Queries, towers: TaskTowers, fusion: TokenFusion) -> tuple[Tensor, Tensor]:
        """`scores` of the rival's queries."""
        q = fusion(test.reference, *word_states(towers.model.text, test.ids))
        return self._compare(test, towers, q)

    def _loss(self, query: Tensor, target: Tensor) -> Tensor:
        return composed_loss(query, target, self.scale)

    @torch.no_grad()
    def features(self, towers: TaskTowers, data: Triplets) -> tuple[Tensor, Tensor, Tensor]:
        """Raw features (N, D) of references, instructions and targets."""
        towers.eval()
        return towers.image(data.reference), towers.text(data.ids), towers.image(data.target)

    @torch.no_grad()
    def weighted(self, seed: int, towers: TaskTowers) -> Callable[[Tensor, Tensor], Tensor]:
        """A sum of unit features, its one weight tuned on the training triplets' loss: a rival of the plain sum."""
        image, text, target = (F.normalize(x, dim=-1) for x in self.features(towers, self.train_set(seed)))
        queries = {w: F.normalize(w * text + (1 - w) * image, dim=-1) for w in WEIGHTS}
        size = min(len(image), self.combiner_batch)
        best = min(WEIGHTS, key=lambda w: composed_loss(queries[w][:size], target[:size], self.scale).item())
        return lambda a, b: F.normalize(best * F.normalize(b, dim=-1) + (1 - best) * F.normalize(a, dim=-1), dim=-1)

    @torch.no_grad()
    def scores(self, test: Queries, towers: TaskTowers, query: Callable[[Tensor, Tensor], Tensor] = summed,
               texts: Tensor | None = None) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Similarities of each query to its own candidates, (N, 12), and to the strangers, (N, S). texts: another order of
        the instructions, (N,) long."""
        towers.eval()
        ids = test.ids if texts is None else test.ids[texts]
        q = query(towers.image(test.reference), towers.text(ids))
        return self._compare(test, towers, q)

    def _compare(self, test: Queries, towers: TaskTowers, q: Tensor) -> tuple[Tensor, Tensor]:
        own, strangers = self._galleries(test, towers)
        return (own @ q[:, :, None])[..., 0], q @ strangers.T

    @cache  # noqa: B019
    def _galleries(self, test: Queries, towers: TaskTowers) -> tuple[Tensor, Tensor]:
        """Unit features (N, 12, D) and (S, D) of the candidates under these towers, which have finished learning."""
        own = F.normalize(towers.image(test.own.flatten(0, 1)), dim=-1).unflatten(0, test.own.shape[:2])
        return own, F.normalize(towers.image(test.strangers), dim=-1)

    def zero_shot(self, towers: TaskTowers) -> float:
        """Zero-shot accuracy of shape on single objects of seen combinations: what is left of CLIP's own ability."""
        batch = ALONE.batch(11, range(self.singles))
        with torch.no_grad():
            u = F.normalize(towers.image(enter_last_layers(self.clip, batch.images)), dim=-1)
        w = class_embeddings(towers.model, [ALONE.prompts(shape=v) for v in ALONE.classes("shape")])
        return accuracy(predict(u, w), batch.labels["shape"][:, 0])

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self)


def _rows(count: int, batch: int, seed: int, columns: tuple[Tensor, ...]) -> Callable[[int], tuple[Tensor, ...]]:
    """step -> the same rows of all columns, none of them twice."""

    def batches(step: int) -> tuple[Tensor, ...]:
        rows = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + step))[:batch]
        return tuple(x[rows] for x in columns)

    return batches
