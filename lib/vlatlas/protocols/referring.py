"""The `referring` protocol: which of three or four boxes does a sentence mean? Exact boxes are the proposals.

Single views of a proposal, and all their text, go through frozen towers once. Pre-training has shown one and two objects
with relations in the captions, never three or four, and never sketches. Papers: reclip.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.referring import KINDS, Expression, expressions, pairs
from ..data.scenes import World
from ..evals import encode_images, encode_texts
from ..methods.reclip import isolate, parse
from ..models import load
from ..train import TrainConfig, learning_rate, make_optimizer
from .shipped import WORLD as ALONE

WORLD = World(
    resolution=64, objects=(3, 4), shapes=5, colours=5, distinct=False, fill=(0.7, 0.95), rotation=10.0, styles=("flat",)
)  # fmt: skip
TEST_SEED, TRAIN_SEED, PAIR_SEED = 81_000, 82_000, 83_000
VIEWS = ("crop", "blur", "shade")


@dataclass
class Asked:
    """Scenes with expressions: boxes (R, 4) of all proposals, first (S + 1,) the row of each scene's first one, unit features
    of each view (R, D), and the expressions."""

    boxes: Tensor
    first: Tensor
    views: dict[str, Tensor]
    expressions: list[Expression]
    images: Tensor

    def rows(self, e: Expression) -> slice:
        """The proposals of an expression's scene."""
        return slice(int(self.first[e.scene]), int(self.first[e.scene + 1]))


def texts_of(expression: str) -> list[str]:
    """What CLIP is asked: the whole expression and the noun phrases of its tree."""
    out, stack = [expression.rstrip(".")], [parse(expression)]
    while stack:
        node = stack.pop()
        out.append(node.text)
        stack += [child for _, child in node.relations]
    return out


class Head(nn.Module):
    """A supervised grounding head: boxes of a scene attend to one another and to the sentence, one score each.

    crops (E, K, D), text (E, D), boxes (E, K, 4) in shares of the frame, there (E, K) bool -> scores (E, K).
    """

    def __init__(self, d: int, width: int = 64):
        super().__init__()
        self.enter = nn.Linear(3 * d + 5, width)
        self.mix = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.score = nn.Linear(width, 1)

    def forward(self, crops: Tensor, text: Tensor, boxes: Tensor, there: Tensor) -> Tensor:
        text = text[:, None].expand_as(crops)
        area = ((boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1]))[..., None]
        x = self.enter(torch.cat([crops, text, crops * text, boxes, area], dim=-1))
        return self.score(self.mix(x, src_key_padding_mask=~there))[..., 0].masked_fill(~there, -torch.inf)


@dataclass(frozen=True)
class Referring:
    """One configuration. scenes: searched for expressions; test: expressions of each kind; pairs: of each sort; train: scenes
    for the supervised head; steps, batch, lr: of that head."""

    scenes: int = 2_500
    test: int = 150
    pairs: int = 600
    train: int = 2_500
    steps: int = 500
    batch: int = 128
    lr: float = 2e-3
    backbone: str = "scenes-clip-pairs"

    @cached_property
    def clip(self):
        """The frozen towers."""
        return load(self.backbone)

    def _ask(self, world: World, seed: int, count: int, each: int | None, views: tuple[str, ...]) -> Asked:
        graphs, said = world.batch(seed, range(count)).graphs, []
        for kind in KINDS:
            found = expressions(graphs, kind, random.Random(f"{seed}.{kind}"))
            if each is not None and len(found) < each:
                raise ValueError(f"{count} scenes give {len(found)} expressions of kind {kind!r}, {each} asked for: raise scenes")
            said += found[:each]
        rows = sorted({e.scene for e in said})  # only these are drawn
        said = [replace(e, scene=rows.index(e.scene)) for e in said]
        batch = world.batch(seed, rows)
        there = batch.labels["shape"] >= 0
        first = F.pad(there.sum(dim=1).cumsum(0), (1, 0))
        boxes, owner = batch.boxes[there], there.nonzero()[:, 0]
        size, shown = self.clip.visual.image_size, {}
        for how in views:
            parts = zip(owner.split(1024), boxes.split(1024), strict=True)
            pictures = torch.cat([isolate(batch.images[o], b, how, size) for o, b in parts])
            shown[how] = encode_images(self.clip, pictures)
        return Asked(boxes, first, shown, said, batch.images)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def test_set(self, seed: int, style: str = "flat") -> Asked:
        """Test expressions; in another style the same scenes, redrawn, as crops and blurs alone."""
        views = VIEWS if style == "flat" else VIEWS[:2]
        return self._ask(WORLD(styles=(style,)), TEST_SEED + seed, self.scenes, self.test, views)

    @cache  # noqa: B019
    def train_set(self, seed: int) -> Asked:
        """Scenes of the flat style for the supervised head."""
        return self._ask(WORLD, TRAIN_SEED + seed, self.train, None, ("crop",))

    @cached_property
    def _texts(self) -> dict[str, Tensor]:
        return {}

    def text(self, texts: list[str]) -> Tensor:
        """Unit features (n, D) of noun phrases or expressions, each as "a picture of ..."."""
        new = sorted(set(texts) - set(self._texts))
        if new:
            features = encode_texts(self.clip, [f"a picture of {t}." for t in new])
            self._texts.update(zip(new, features, strict=True))
        return torch.stack([self._texts[t] for t in texts])

    def likelihood(self, asked: Asked, e: Expression, views: tuple[str, ...]) -> Callable[[str], Tensor]:
        r"""text -> $p(b\mid t)$, the softmax over proposals of the summed similarities of these views."""
        u = sum(asked.views[how][asked.rows(e)] for how in views).double()
        scale = self.clip.scale().item()
        return lambda t: (scale * u @ self.text([t])[0].double()).softmax(dim=0)

    def accuracy(self, asked: Asked, guess: Callable[[Expression], Tensor]) -> dict[str, float]:
        """Kind -> share of expressions whose box has the largest value of guess(expression), (B,); also "relational", the
        mean of the three kinds with a relation, and "all", of all four. Values that tie share the point."""
        points: dict[str, list[float]] = {k: [] for k in KINDS}
        for e in asked.expressions:
            value = guess(e)
            best = value == value.max()
            points[e.kind].append(best[e.target].item() / best.sum().item())
        out = {k: sum(v) / len(v) for k, v in points.items()}
        out["relational"] = sum(out[k] for k in KINDS[1:]) / 3
        return out | {"all": sum(out[k] for k in KINDS) / 4}

    def prepare(self, asked: Asked) -> None:
        """Encode every text of the expressions at once."""
        self.text([t for e in asked.expressions for t in texts_of(e.text)])

    def pair_accuracy(self, seed: int, spatial: bool) -> float:
        """How often the true one of two sentences on two objects scores higher, in pre-training's own world."""
        batch = ALONE(objects=(2, 2)).batch(PAIR_SEED + seed, range(2 * self.pairs))
        found = pairs(batch.graphs, spatial, random.Random(seed))[: self.pairs]
        u = encode_images(self.clip, batch.images[[row for row, *_ in found]])
        true, false = (encode_texts(self.clip, [f[k] for f in found]) for k in (1, 2))
        return ((u * true).sum(dim=1) > (u * false).sum(dim=1)).double().mean().item()

    def _padded(self, asked: Asked, chosen: list[Expression]):
        spans = [asked.rows(e) for e in chosen]
        pad = lambda x: nn.utils.rnn.pad_sequence([x[s] for s in spans], batch_first=True)  # noqa: E731
        boxes = asked.boxes.float() / WORLD.resolution
        there = pad(torch.ones(len(boxes), dtype=torch.bool))
        return pad(asked.views["crop"]), self.text([e.text.rstrip(".") for e in chosen]), pad(boxes), there

    def supervised(self, seed: int) -> Head:
        """The head, trained on expressions of the flat style."""
        asked = self.train_set(seed)
        self.prepare(asked)
        inputs = self._padded(asked, asked.expressions)
        target = torch.tensor([e.target for e in asked.expressions])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = Head(self.clip.config.embed_dim)
        config = TrainConfig(self.steps, self.batch, self.lr, weight_decay=0.01, seed=seed)
        optimizer, generator = make_optimizer(head, config), torch.Generator().manual_seed(seed)
        for step in range(self.steps):
            rows = torch.randint(len(target), (self.batch,), generator=generator)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            loss = F.cross_entropy(head(*(x[rows] for x in inputs)), target[rows])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
        return head.eval()

    @torch.no_grad()
    def head_scores(self, head: Head, asked: Asked) -> Callable[[Expression], Tensor]:
        """A guess for `accuracy`."""
        scores = dict(zip(asked.expressions, head(*self._padded(asked, asked.expressions)), strict=True))
        return lambda e: scores[e][: asked.rows(e).stop - asked.rows(e).start]

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"kinds": list(KINDS)}
