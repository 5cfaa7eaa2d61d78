"""The `pretraining` protocol with views: what more signal from each pair is worth, at equal pairs and at equal computation.
Papers: declip.

As in `limited`, all arms of a seed share the initial weights and the order of the pairs. Every arm with views gets the same ones,
step by step. A baseline that sees one view has half of DeCLIP's passes, so it runs a second time over twice the pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..data.scenes import World
from ..evals import LinearProbe, accuracy, encode_images, predict
from ..losses.declip import DeclipLoss, RandomNeighbourLoss
from ..losses.multi_positive import MultiPositiveClipLoss
from ..methods.declip import DeCLIP, edited, image_views, masked
from ..models import CLIP
from ..train import train
from .limited import WORLD, Limited

ONE_VIEW = {"clip": 1, "views": 1, "clip_2": 2, "views_2": 2}  # arm -> times the pairs
TERMS = {
    "declip": {},
    "no_images": {"images": 0.0},
    "no_words": {"words": 0.0},
    "no_views": {"views": False},
    "no_neighbours": {"neighbours": 0.0},
    "random": {},
}
ARMS = (*ONE_VIEW, *TERMS)


@dataclass(frozen=True)
class Views(Limited):
    """`Limited` with smaller towers. rates: of the arms that were tuned; ablations take DeCLIP's. queue: length, in texts.
    crop: least and largest area of a view. A scene fills most of its frame: smaller crops hide which shape it is.

    No scene is seen twice, so that pairs seen are pairs owned. World, towers and budget are those at which both baselines are
    about half right, on seeds 10 and 11; each rate is the best on average there of 1e-3, 2e-3, 4e-3 and 8e-3 (16e-3 was worse
    for the arms that chose 8e-3)."""

    world: World = field(default_factory=lambda: WORLD(shapes=5))
    width: int = 32
    depth: int = 2
    text_width: int = 32
    pool: int = 3_200
    test: int = 600
    pairs: int = 1_600
    batch_size: int = 32
    queue: int = 1024
    crop: tuple[float, float] = (0.8, 1.0)
    rates: dict[str, float] = field(
        default_factory=lambda: {"clip": 4e-3, "views": 4e-3, "clip_2": 8e-3, "views_2": 8e-3, "declip": 8e-3}
    )

    def batches(self, batch_size: int, seed: int, arm: str) -> Callable[[int], tuple]:
        """step -> the batch of an arm: the pool's pairs with one view of the images, or with two of both modalities.

        Raises:
            ValueError: an unknown arm.
        """
        if arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use one of {', '.join(ARMS)}")
        pool, rows_of = self.train_pool, self.train_pool.batches(batch_size, seed, indices=True)

        def batch(step: int) -> tuple:
            rows = rows_of(step)
            images, ids, further = pool.floats(rows), pool.ids[rows], {"group": pool.group[rows]}
            if arm in ("clip", "clip_2"):
                return images, ids, further
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            first = image_views(images, generator, self.crop)
            if arm in ONE_VIEW:
                return first, ids, further
            second = image_views(images, generator, self.crop)
            hidden, labels = masked(ids, len(self.tokenizer), generator)
            return first, second, hidden, labels, edited(ids, generator), {**further, "owner": rows}

        return batch

    def fit(self, arm: str, seed: int, **changes) -> tuple[CLIP, list[float]]:
        """Train one arm from scratch; also, of each step with neighbours, the share of them that show the same shape in the same
        colour. changes: other settings of `TrainConfig`."""
        clip, times = self.model(seed), ONE_VIEW.get(arm, 1)
        rate = self.rates.get(arm, self.rates["declip"])
        plan = self.schedule(seed, times * self.pairs, **{"lr": rate, **changes})
        batches = self.batches(plan.batch_size, seed, arm)
        same: list[float] = []
        if arm in ONE_VIEW:
            model, loss = clip, MultiPositiveClipLoss()
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                model = DeCLIP(clip)
            terms = (RandomNeighbourLoss if arm == "random" else DeclipLoss)(queue=self.queue, **TERMS[arm])
            labels = self.labels(self.train_pool)

            def loss(owner: Tensor, **given) -> Tensor:
                value = terms(owner=owner, **given)
                if terms.found is not None:
                    same.append((labels[terms.found.cpu()] == labels[owner.cpu()]).double().mean().item())
                return value

        train(model, batches, loss, plan, self.device, label=f"{arm}, seed {seed}")
        return clip.eval(), same

    def scores(self, model: CLIP) -> dict[str, float]:
        """ "zero_shot", "shift" and "novel": accuracy by sentences in known styles, in unseen styles and on unseen combinations;
        "probe", of a linear probe of the shape on frozen features."""
        u, u_shift, u_novel = (encode_images(model, pool.floats()) for pool in (self.test_pool, self.shifted, self.novel))
        shape, half = self.test_pool.labels["shape"][:, 0], len(u) // 2
        known = self.sentences(model, self.test_pool.world)
        return {
            "zero_shot": accuracy(predict(u, known), self.labels(self.test_pool)),
            "shift": accuracy(predict(u_shift, known), self.labels(self.shifted)),
            "novel": accuracy(predict(u_novel, self.sentences(model, self.novel.world)), self.labels(self.novel)),
            "probe": LinearProbe(10.0).fit(u[:half], shape[:half]).accuracy(u[half:], shape[half:]),
        }
