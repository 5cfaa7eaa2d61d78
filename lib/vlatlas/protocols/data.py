"""The `data` protocol: one pool, many ways to choose from it; small towers from scratch on what was chosen. Papers: metaclip.

The pool is that of the `web` split: shapes and colours of Zipf frequency, words painted into a fifth of the pictures, alt text of
which 30 % says nothing; another 30 % belongs to other pictures of the same pool, so that a wrong text looks like a right one and
speaks of rare things as rarely. All arms see equally many pairs; test pictures are clean, and every shape and colour counts once.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes.vocabulary import BACKGROUNDS, COLOURS, SHAPES, TEXTURES
from ..data.scenes.wording import GENERIC, alt_text, vocabulary
from ..data.splits import web
from ..evals import class_embeddings, encode_images, predict
from ..losses.multi_positive import MultiPositiveClipLoss
from ..models import CLIP, ClipConfig, WordTokenizer
from ..train import TrainConfig, train

POOL_SEED, ORACLE_SEED = web.TEST_SEED + 100_000, web.TEST_SEED + 200_000
CONCEPTS = (*web.WORLD.shapes, *web.WORLD.colours)  # in the order of their frequency, shapes first
COMMON = ("object", "photo", "new", "sale", "img")  # frequent words of the web that name nothing
NEVER = tuple(w for w in (*SHAPES, *COLOURS, *TEXTURES, *BACKGROUNDS) if w not in CONCEPTS)
ENTRIES = (*CONCEPTS, *COMMON, *NEVER)
PARTS = {"head": range(4), "middle": range(4, 8), "tail": range(8, 12)}  # ranks of shapes and of colours


@dataclass
class Pairs:
    """Images (N, 3, H, W) uint8, their texts, and whether each text is "partial" (right), "unrelated" or "generic"."""

    images: Tensor
    texts: list[str]
    kinds: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def rows(self, rows: Sequence[int] | Tensor) -> "Pairs":
        """A part of the pairs, in the order of the rows."""
        rows = torch.as_tensor(rows).tolist()
        return Pairs(self.images[rows], [self.texts[i] for i in rows], [self.kinds[i] for i in rows])

    def noise(self) -> float:
        """Share of the pairs whose text is not the picture's."""
        return sum(k != "partial" for k in self.kinds) / len(self)


def concepts(text: str) -> list[int]:
    """Numbers in `CONCEPTS` of what a text names."""
    return [CONCEPTS.index(w) for w in text.split() if w in CONCEPTS]


@dataclass(frozen=True)
class Curation:
    """One configuration. pool: pairs to choose from; size: pairs that the arms of the main panel choose; pairs: seen in a run;
    test, test_seed: clean pictures, how many and of which seed; width, depth, ...: of the towers; batch, lr: of every run;
    side: pixels, pooled from 32."""

    pool: int = 15_000
    size: int = 3_000
    pairs: int = 10_000
    test: int = 1_200
    test_seed: int = web.TEST_SEED
    side: int = 16
    patch: int = 4
    width: int = 48
    depth: int = 1
    embed_dim: int = 32
    batch: int = 128
    lr: float = 4e-3
    device: str = "cpu"

    def _images(self, images: Tensor) -> Tensor:
        small = F.avg_pool2d(images, images.shape[-1] // self.side)
        return (small * 255 + 0.5).to(torch.uint8)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def web(self, seed: int) -> Pairs:
        """The pool."""
        batch = web.pool(POOL_SEED + seed, range(self.pool))
        images, _, _, scenes = batch
        texts, kinds = alt_text(scenes, 0.0, web.GENERIC)
        u = scenes.draw.uniform("data.misplaced")[:, 0]
        rows = [i for i, kind in enumerate(kinds) if kind == "partial" and u[i] < web.UNRELATED / (1 - web.GENERIC)]
        others = [texts[i] for i in rows[1:] + rows[:1]]
        for i, text in zip(rows, others, strict=True):  # one picture's text goes to the next
            texts[i], kinds[i] = text, "unrelated"
        return Pairs(self._images(images), texts, kinds)

    @cache  # noqa: B019
    def oracle(self, seed: int) -> Pairs:
        """Clean pairs whose concepts are equally frequent, as many as an arm chooses: what no curation of the pool can give."""
        scenes = web.WORLD.batch(ORACLE_SEED + seed, range(self.size))
        return Pairs(self._images(scenes.images), *alt_text(scenes, 0.0, 0.0))

    @cached_property
    def _tested(self):
        scenes = web.WORLD.batch(self.test_seed, range(self.test))
        return self._images(scenes.images).float() / 255, scenes.labels["shape"][:, 0], scenes.labels["colour"][:, 0]

    def model(self, seed: int) -> CLIP:
        """Fresh towers, the same for every arm of a seed."""
        words = tuple(dict.fromkeys([*vocabulary(), *(w for text in GENERIC for w in text.replace(",", " ").split())]))
        sizes = dict(width=self.width, depth=self.depth, heads=2, text_width=self.width, text_depth=1, text_heads=2)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CLIP(ClipConfig(words, self.side, self.patch, context=8, embed_dim=self.embed_dim, **sizes))

    def fit(self, chosen: Pairs, seed: int, label: str = "") -> CLIP:
        """Towers trained on these pairs; equal texts are not each other's negatives."""
        model = self.model(seed)
        tokenizer: WordTokenizer = model.tokenizer
        ids = tokenizer(chosen.texts)
        group = torch.unique(ids, dim=0, return_inverse=True)[1]
        size = min(self.batch, len(chosen))

        def batches(step: int):
            epoch, place = divmod(step, len(chosen) // size)
            order = torch.randperm(len(chosen), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            rows = order[place * size : (place + 1) * size]
            return chosen.images[rows].float() / 255, ids[rows], {"group": group[rows]}

        config = TrainConfig(max(1, self.pairs // size), size, self.lr, seed=seed)
        train(model, batches, MultiPositiveClipLoss(), config, self.device, label=f"{label} {seed}")
        return model.eval()

    def score(self, model: CLIP) -> dict[str, float]:
        """Zero-shot accuracy on clean pictures, shapes and colours averaged: the mean over concepts, over those of the head, the
        middle and the tail, and weighted as the pool weights them."""
        images, *labels = self._tested
        u = encode_images(model, images)
        asked = ([[s] for s in web.WORLD.shapes], [[f"{c} object"] for c in web.WORLD.colours])
        recalls = []  # one (12,) for each attribute
        for prompts, y in zip(asked, labels, strict=True):
            guess = predict(u, class_embeddings(model, prompts))
            recalls.append(torch.stack([(guess[y == c] == c).double().mean() for c in range(len(prompts))]))
        rank = torch.stack(recalls).mean(dim=0)  # (12,) by frequency
        weight = 1 / torch.arange(1, len(rank) + 1, dtype=torch.float64)
        out = {"mean": rank.mean().item(), "pool": (rank * weight).sum().item() / weight.sum().item()}
        return out | {name: rank[list(ranks)].mean().item() for name, ranks in PARTS.items()}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"entries": len(ENTRIES)}
