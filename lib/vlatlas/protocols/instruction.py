"""The `instruction` protocol: what a language model that sees learns from instructions, and from which. Papers: llava.

All arms of a seed share the frozen tower, the aligned projector that they start from, and the scenes of the second stage; an arm
is the kinds of samples that a teacher without eyes writes about each scene. Two arms that share a kind share its samples. Test
questions are worded as no sample is, though every part of their wording is in some.
"""

import copy
import random
from collections import defaultdict
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
from torch import Tensor

from ..data.instructions import KINDS, NEW_WORDS, NOVEL, WORLD, Sample, ask, known, symbols, write
from ..evals.answers import made_up, right, told
from ..methods.decoding import greedy
from ..methods.llava import Llava, answer_loss, collate, encode, with_words
from ..models import load
from ..train import TrainConfig, train
from .captioning_text import load_scenes_lm

SCALE_SEED = 90_999  # of scenes, as the next four, to which a run's seed is added
ALIGN_SEED, TUNE_SEED, TEST_SEED, NOVEL_SEED = 91_000, 92_000, 93_000, 94_000
ARMS = {  # the samples written about each scene of the second stage
    "captions": ("caption", "caption", "caption"),
    "conversation": ("conversation",),
    "filler": ("conversation", "caption", "caption"),
    "full": KINDS,
}
LONGEST = 24  # tokens of an answer


@dataclass(frozen=True)
class Instruction:
    """One configuration. align: scenes with captions of the first stage; tune: scenes of the second; test: questions of each
    kind; batch_size: samples a step; lr_align; lr_captions, and lr_full of all other arms, in the second stage; pool: side of
    the squares of grid features that become one."""

    align: int = 1_600
    tune: int = 1_600
    test: int = 120
    batch_size: int = 16
    lr_align: float = 2e-3
    lr_captions: float = 8e-3
    lr_full: float = 4e-3
    pool: int = 2
    backbone: str = "scenes-clip"

    @cached_property
    def clip(self):
        """The frozen tower."""
        return load(self.backbone)

    @torch.no_grad()
    def pooled(self, images: Tensor) -> Tensor:
        """Grid features of the frozen tower, (B, P, D): means over squares of the grid."""
        z = torch.cat([self.clip.visual.tokens(x) for x in images.split(256)])
        side = round(z.shape[1] ** 0.5) // self.pool
        return z.unflatten(1, (side, self.pool, side, self.pool)).mean(dim=(2, 4)).flatten(1, 2)

    @cached_property
    def scale(self) -> tuple[Tensor, Tensor]:
        """Mean and spread (D,) of each feature, over scenes that are used for nothing else."""
        z = self.pooled(WORLD.batch(SCALE_SEED, range(256)).images).flatten(0, 1)
        return z.mean(dim=0), z.std(dim=0)

    def grid(self, images: Tensor) -> Tensor:
        """What the projector reads (B, P, D): pooled features, each with mean 0 and spread 1."""
        mean, spread = self.scale
        return (self.pooled(images) - mean) / spread

    def fresh(self, seed: int) -> Llava:
        """The language model as it ships, with the new words, and a projector with random weights."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Llava(self.clip.visual.width, with_words(load_scenes_lm(), NEW_WORDS))

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def scenes(self, seed: int):
        """The second stage: grid features (n, P, D), and what the teacher is told of each scene."""
        batch = WORLD.batch(TUNE_SEED + seed, range(self.tune))
        return self.grid(batch.images), symbols(batch)

    def samples(self, seed: int, kinds: tuple[str, ...]) -> list[tuple[int, Sample]]:
        """What the teacher writes about each scene: (scene, sample), one of each of the kinds."""
        out = []
        for i, scene in enumerate(self.scenes(seed)[1]):
            for j, kind in enumerate(kinds):
                out.append((i, write(scene, kind, random.Random(f"{seed}.{i}.{kind}.{kinds[:j].count(kind)}"))))
        return out

    @cache  # noqa: B019
    def aligned(self, seed: int) -> Llava:
        """After the first stage: the projector alone has learnt, from brief requests and web-like captions."""
        batch = WORLD(detail="varied").batch(ALIGN_SEED + seed, range(self.align))
        chance = random.Random(seed)
        samples = [(i, write(s, "caption", chance)) for i, s in enumerate(symbols(batch))]
        return self._fit(self.fresh(seed), 1, self.grid(batch.images), samples, self.lr_align, seed, "align")

    def tuned(self, seed: int, arm: str, *, aligned: bool = True, blind: bool = False) -> Llava:
        """After the second stage.

        Args:
            arm: one of `ARMS`. aligned: False starts from a random projector. blind: all samples about a scene come with the
                picture of another.
        """
        z, _ = self.scenes(seed)
        if blind:
            z = z.roll(1, dims=0)  # scenes are independent draws: the next one's picture is a random one
        model = copy.deepcopy(self.aligned(seed) if aligned else self.fresh(seed))
        rate = self.lr_captions if arm == "captions" else self.lr_full
        return self._fit(model, 2, z, self.samples(seed, ARMS[arm]), rate, seed, arm)

    def _fit(self, model: Llava, stage: int, z: Tensor, samples: list, lr: float, seed: int, label: str) -> Llava:
        rows = [encode(s.turns, model.model) for _, s in samples]
        scene = torch.tensor([i for i, _ in samples])
        order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed)).split(self.batch_size)

        def batches(step: int):
            chosen = order[step]
            return z[scene[chosen]], *collate([rows[i] for i in chosen.tolist()])

        steps = len(rows) // self.batch_size
        config = TrainConfig(steps, self.batch_size, lr, weight_decay=0.0, seed=seed)
        train(model.stage(stage), batches, answer_loss, config, "cpu", label=f"{label}, seed {seed}")
        return model.eval()

    @cache  # noqa: B019
    def exam(self, seed: int, kind: str, which: str = "test"):
        """Grid features, questions of a kind, and facts. which: "test", in held-out wordings; "familiar", the same scenes in
        wordings that training has; "novel", in held-out wordings about held-out pairs of shape and colour."""
        world, first = (NOVEL, NOVEL_SEED) if which == "novel" else (WORLD, TEST_SEED)
        chance = random.Random(f"{seed}.{kind}")
        start = KINDS.index(kind) * self.test
        batch = world.batch(first + seed, range(start, start + self.test))
        questions = [ask(scene, kind, chance, test=which != "familiar") for scene in batch.graphs]
        return self.grid(batch.images), questions, [known(scene) for scene in batch.graphs], symbols(batch)

    def answers(self, model: Llava, z: Tensor, texts: list[str]) -> list[str]:
        """Greedy answers to one instruction for each picture."""
        tokenizer, out, groups = model.model.tokenizer, [""] * len(texts), defaultdict(list)
        ids = [tokenizer.encode(t) for t in texts]
        for k, row in enumerate(ids):
            groups[len(row)].append(k)
        for rows in groups.values():
            with torch.no_grad():
                logits, state = model.start(z[rows], torch.tensor([ids[k] for k in rows]))
            for k, row in zip(rows, greedy(logits, state, model.step, LONGEST).tolist(), strict=True):
                out[k] = written(tokenizer.decode(row))
        return out

    def scores(self, model: Llava, seed: int, which: str = "test", foreign: bool = False) -> dict[str, float]:
        """Each kind's mean of `right`, and "all", their mean; "told_KIND" and "told", the same of `told`; "made_up", the share of
        the values named in descriptions that are not there; "size", of the conversations that ask for it. foreign: the pictures
        are other scenes'."""
        out = {}
        for kind in KINDS:
            z, questions, facts, _ = self.exam(seed, kind, which)
            answers = self.answers(model, z.roll(1, dims=0) if foreign else z, [q.text for q in questions])
            out[kind] = _mean(map(right, questions, answers))
            out[f"told_{kind}"] = _mean(map(told, questions, answers))
            if kind == "conversation":
                pairs = zip(questions, answers, strict=True)
                out["size"] = _mean(right(q, a) for q, a in pairs if q.asked == "size")
            if kind == "detail":
                out["made_up"] = _mean(v for v in map(made_up, answers, facts) if v is not None)
        return out | {"all": _mean(out[k] for k in KINDS), "told": _mean(out[f"told_{k}"] for k in KINDS)}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"arms": {k: list(v) for k, v in ARMS.items()}}


def written(text: str) -> str:
    """Words as the tokenizer joins them, with punctuation where a writer puts it."""
    for mark in ".,?":
        text = text.replace(f" {mark}", mark)
    return text


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values) if values else float("nan")
