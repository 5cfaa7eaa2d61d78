"""The `scaling` protocol: a grid of towers and budgets, from scratch, on two ways to caption the same pictures. Papers: openclip.

"labels" name the object with one attribute, mostly its colour, as the names of classes do; "described" captions state all that a
scene has. Both say the same words, of the same pictures. What is measured is the error of class prompts and of retrieval by
descriptions. "shuffled" is the control: descriptions of other pictures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..data.scenes import World
from ..data.scenes.english import TEMPLATES, realise
from ..data.scenes.statement import Statement
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..losses.multi_positive import MultiPositiveClipLoss
from ..models import CLIP
from ..models.macs import macs_per_pair
from ..train import train
from .pretraining import POOL_SEED, Pretraining

SETS = ("labels", "described")
CONTROL = "shuffled"
TASKS = ("classes", "retrieval")
SHARES = {"colour": 0.7, "size": 0.15, "background": 0.15}  # which attribute a label names
WORLD = World(
    shapes=5, colours=6, textures=1, sizes=2, backgrounds=("dark", "grey", "light"), detail="full", rotation=0.0, spread=0.0,
    fill=(0.75, 0.95),
)  # fmt: skip


def label(statement: Statement, pick: float, template: int) -> str:
    """The label-like caption of a scene with one object: its shape and one attribute. pick: in [0, 1), which; template: of the
    sentence."""
    ends = np.cumsum(list(SHARES.values()))
    named = list(SHARES)[min(int(np.searchsorted(ends, pick, side="right")), len(SHARES) - 1)]
    thing = statement.objects[0]
    said = {a: thing[a] for a in (named, "shape") if a in thing}
    return realise(Statement((said,), (), statement.background if named == "background" else None), template)


@dataclass(frozen=True)
class Scaling(Pretraining):
    """`Pretraining` as a grid. widths: of both towers; budgets: pairs seen; rates: learning rate of each width; queries: test
    scenes of different captions; bins: of the envelope. No scene is seen twice.

    Between 1,400 and 5,600 pairs the errors of both sets lie between chance and none at every width, on seeds 10 and 11. There
    each rate is the better of two, for the mean error of both sets and tasks; exponents had no part in the choice.
    """

    world: World = field(default_factory=lambda: WORLD)
    pool: int = 4_000
    test: int = 600
    queries: int = 300
    patch_size: int = 8
    depth: int = 2
    text_depth: int = 1
    embed_dim: int = 32
    context: int = 18
    batch_size: int = 32
    widths: tuple[int, ...] = (16, 32, 64)
    budgets: tuple[int, ...] = (500, 1_000, 2_000, 4_000)
    rates: Mapping[int, float] = field(default_factory=lambda: {16: 8e-3, 32: 8e-3, 64: 2e-3})
    bins: int = 5
    device: str = "cpu"

    def __post_init__(self):
        if max(self.budgets) > self.pool or set(self.widths) - set(self.rates):
            raise ValueError(
                f"budgets {self.budgets} must fit the pool of {self.pool}, and widths {self.widths} have rates {dict(self.rates)}"
            )

    @property
    def cells(self) -> list[tuple[int, int]]:
        """(width, pairs) of every cell of the grid."""
        return [(w, n) for w in self.widths for n in self.budgets]

    def sized(self, seed: int, width: int) -> CLIP:
        """Fresh towers of a width; the same for all captions of a seed."""
        return self.model(seed, width=width, text_width=width)

    @cached_property
    def compute(self) -> np.ndarray:
        """(M,) total multiply-accumulates of every cell: those of a pair, forwards, times the pairs seen."""
        each = {w: macs_per_pair(self.sized(0, w).config) for w in self.widths}
        return np.array([float(each[w] * n) for w, n in self.cells])

    @cached_property
    def texts(self) -> dict[str, list[str]]:
        """Captions of the training scenes, by `SETS` and the control."""
        batch = self.world.batch(POOL_SEED, range(self.pool))
        picks, form = batch.draw.uniform("scaling.label")[:, 0], batch.draw.integers("phrase", 2 * len(TEMPLATES))[:, 0]
        labels = [label(s, u, t) for s, u, t in zip(batch.statements, picks.tolist(), form.tolist(), strict=True)]
        described = self.train_pool.captions
        others = torch.randperm(self.pool, generator=torch.Generator().manual_seed(POOL_SEED)).tolist()
        dealt = dict(zip(others, others[1:] + others[:1], strict=True))  # one cycle: none keeps its own
        return {"labels": labels, "described": described, CONTROL: [described[dealt[i]] for i in range(self.pool)]}

    @cached_property
    def _ids(self) -> dict[str, tuple[Tensor, Tensor]]:
        ids = {name: self.tokenizer(texts) for name, texts in self.texts.items()}
        return {name: (x, torch.unique(x, dim=0, return_inverse=True)[1]) for name, x in ids.items()}

    def batches(self, captions: str, seed: int) -> Callable[[int], tuple]:
        """step -> images, ids, groups of equal captions; the same pictures for all captions of a seed.

        Raises:
            ValueError: captions that there are not.
        """
        if captions not in self._ids:
            raise ValueError(f"captions {captions!r} are unknown; use one of {', '.join(self._ids)}")
        (ids, group), rows_of = self._ids[captions], self.train_pool.batches(self.batch_size, seed, indices=True)

        def batch(step: int) -> tuple:
            rows = rows_of(step)
            return self.train_pool.floats(rows), ids[rows], {"group": group[rows]}

        return batch

    def fit(self, captions: str, width: int, pairs: int, seed: int, **changes) -> CLIP:
        """Train one cell of the grid from scratch. changes: other settings of `TrainConfig`."""
        model, plan = self.sized(seed, width), self.schedule(seed, pairs, **{"lr": self.rates[width], **changes})
        name = f"{captions}, width {width}, {pairs} pairs, seed {seed}"
        train(model, self.batches(captions, seed), MultiPositiveClipLoss(), plan, self.device, label=name)
        return model.eval()

    @cached_property
    def _asked(self) -> tuple[Tensor, Tensor, list[str]]:
        """Class numbers of the test scenes; rows and captions of `queries` of them, no caption twice."""
        pool = self.test_pool
        y = pool.labels["shape"][:, 0] * len(self.world.colours) + pool.labels["colour"][:, 0]
        first = torch.tensor([int((pool.group == g).nonzero()[0]) for g in pool.group.unique()])
        rows = first.sort().values[: self.queries]
        if len(rows) < self.queries:
            raise ValueError(
                f"{self.test} test scenes have {len(first)} captions, {self.queries} are asked for; render more scenes"
            )
        return y, rows, [pool.captions[i] for i in rows.tolist()]

    def errors(self, model: CLIP) -> dict[str, float]:
        """ "classes": 1 - zero-shot accuracy over combinations of shape and colour, by prompts; "retrieval": 1 - Recall@5 of the
        image for a description, among `queries` pairs."""
        y, rows, captions = self._asked
        u = encode_images(model, self.test_pool.floats())
        guess = predict(u, class_embeddings(model, self.world.class_prompts("shape", "colour")))
        found = recall_at_k(u[rows], encode_texts(model, captions), ks=(5,))["text_to_image@5"]
        return {"classes": 1 - accuracy(guess, y), "retrieval": 1 - found}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return super().as_dict() | {"rates": {str(w): r for w, r in self.rates.items()}}
