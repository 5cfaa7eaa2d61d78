"""The `aro` protocol: which of two captions with the same words is true? A CLIP that has seen pairs of objects is fine-tuned.

After ARO (Yuksekgonul et al. 2023): attribution, relation and order on the scenes of `splits.compositional`, retrieval with
intact and with shuffled captions, and zero-shot accuracy on single objects. Only scenes whose caption names a relation of place
take part: "a large star larger than a small ring" can be told from its foil without the image. All arms of a seed share the
start, the captions and their order; papers: negclip.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property

import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ..data.scenes.english import realise
from ..data.scenes.negatives import foils, shuffled
from ..data.scenes.statement import Statement
from ..data.splits import compositional
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..losses import ClipLoss
from ..methods.last_layers import LastLayers, enter_last_layers
from ..methods.negclip import KINDS, SHARES, NegClipLoss, hard_images, shuffle_content, swapped
from ..models import load
from ..train import TrainConfig, train
from .shipped import WORLD as SINGLE

POOL_SEED, SINGLE_SEED, BLIND_SEED = 61, 62, 63
PLACES = ("left of", "right of", "above", "below")
TESTS = ("attribute", "relation", "order")
ARMS = ("plain", "texts", "negclip", "strangers")
Batches = Callable[[int], tuple]


def of_place(statement: Statement) -> bool:
    """Does the caption name a relation of place?"""
    return any(r in PLACES for _, r, _ in statement.relations)


@dataclass(frozen=True)
class Aro:
    """One configuration. pool: captioned scenes for fine-tuning; test: of each kind; single: scenes of one object; blind: texts
    of each kind for a scorer without eyes; steps, batch_size (pairs a step), lr, blocks: of fine-tuning; neighbours: hard
    images are drawn from so many nearest ones."""

    backbone: str = "scenes-clip-pairs"
    pool: int = 8_000
    test: int = 1_000
    single: int = 500
    blind: int = 4_000
    steps: int = 250
    batch_size: int = 64
    lr: float = 5e-4
    blocks: int = 1
    neighbours: int = 3
    device: str = "cpu"

    @cached_property
    def clip(self):
        """Where every arm starts."""
        return load(self.backbone).eval().to(self.device)

    def rows(self, seed: int, count: int) -> list[int]:
        """The first `count` scenes of a seed whose caption names a relation of place."""
        found = [i for i, s in enumerate(compositional.WORLD.batch(seed, range(2 * count + 50)).statements) if of_place(s)]
        return found[:count]

    @cached_property
    def train_scenes(self):
        """The captioned scenes for fine-tuning, as a batch."""
        return compositional.WORLD.batch(POOL_SEED, self.rows(POOL_SEED, self.pool))

    @cached_property
    def train_tokens(self) -> Tensor:
        """What enters the trained image blocks, (pool, P, W)."""
        return self.enter(self.train_scenes.images)

    @cached_property
    def train_ids(self) -> Tensor:
        """Captions, (pool, T)."""
        return self.clip.tokenizer(self.train_scenes.captions)

    @cached_property
    def false_ids(self) -> tuple[Tensor, Tensor]:
        """Every swap of every caption, ids (pool, kinds, T), and how probable it is, (pool, kinds); rows that can't be
        swapped in a kind have probability zero there."""
        texts = [[swapped(c, k) for k in KINDS] for c in self.train_scenes.captions]
        ids = self.clip.tokenizer([t or "." for row in texts for t in row]).view(len(texts), len(KINDS), -1)
        weights = torch.tensor([[SHARES[k] * (t is not None) for k, t in zip(KINDS, row, strict=True)] for row in texts])
        return ids, weights / weights.sum(dim=1, keepdim=True)

    @cached_property
    def nearest(self) -> Tensor:
        """(pool, neighbours): for every training image its nearest ones, as the model at the start sees them."""
        return hard_images(encode_images(LastLayers(self.clip, self.blocks), self.train_tokens), self.neighbours)

    def enter(self, images: Tensor) -> Tensor:
        """Activations of the frozen layers."""
        return enter_last_layers(self.clip, images, self.blocks)

    def start(self) -> LastLayers:
        """What is trained, as it was."""
        return LastLayers(self.clip, self.blocks)

    def batches(self, arm: str, seed: int) -> Batches:
        """step -> (activations, ids) and, but for "plain", ids of as many false captions.

        "texts": swapped captions. "negclip": half of the batch are hard images of the other half, with their captions, all
        swapped too. "strangers": the false captions are swaps of *other* training captions. Raises ValueError for another arm.
        """
        if arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use one of {', '.join(ARMS)}")

        def batch(step: int):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randperm(self.pool, generator=generator)[: self.batch_size]
            if arm == "negclip":
                rows = rows[: self.batch_size // 2]
                pick = torch.randint(self.neighbours, (len(rows), 1), generator=generator)
                rows = torch.cat([rows, self.nearest[rows].gather(1, pick)[:, 0]])
            inputs = self.train_tokens[rows], self.train_ids[rows]
            if arm == "plain":
                return inputs
            of = rows if arm != "strangers" else torch.randint(self.pool, (len(rows),), generator=generator)
            ids, weights = self.false_ids
            kind = torch.multinomial(weights[of], 1, generator=generator)[:, 0]
            return *inputs, ids[of, kind]

        return batch

    def tune(self, arm: str, seed: int, **changes) -> LastLayers:
        """Fine-tune one arm. changes: other settings of `TrainConfig`."""
        config = TrainConfig(**({"steps": self.steps, "batch_size": self.batch_size, "lr": self.lr, "seed": seed} | changes))
        loss = ClipLoss() if arm == "plain" else NegClipLoss()
        model = self.start()
        train(model, self.batches(arm, seed), loss, config, self.device, label=f"{arm}, seed {seed}")
        return model.eval()

    @cached_property
    def _asked(self) -> tuple:
        """Test scenes: activations, captions (template 0), and {kind: false captions of each}."""
        size = 2 * self.test + 50
        sets = {k: compositional.test(k, size) for k in TESTS}
        batch, truths, _ = sets["order"]
        rows = [i for i, s in enumerate(batch.statements) if of_place(s)][: self.test]
        x = self.enter(compositional.WORLD.batch(compositional.TEST_SEED, rows).images)
        return x, [truths[i] for i in rows], {k: [sets[k][2][i] for i in rows] for k in TESTS}, batch.draw.rows(rows)

    @cached_property
    def queries(self) -> dict[str, list[str]]:
        """Captions of the test scenes for retrieval: "intact", with nouns and adjectives "exchanged", all words "shuffled"."""
        _, truths, _, draw = self._asked
        return {
            "intact": truths,
            "exchanged": [shuffle_content(t, random.Random(i)) for i, t in enumerate(truths)],
            "shuffled": shuffled(truths, draw, 7),
        }

    @cached_property
    def _single(self) -> tuple[Tensor, dict[str, Tensor]]:
        batch = SINGLE(styles=("flat",)).batch(SINGLE_SEED, range(self.single))
        return self.enter(batch.images), {k: v[:, 0] for k, v in batch.labels.items() if v.ndim == 2}

    def evaluate(self, model: LastLayers) -> dict[str, float]:
        """"attribute", "relation" (chance 1/2), "order" (chance 1/5): how often the true caption scores highest, ties lost;
        "intact", "exchanged", "shuffled": recall@1, the mean of both directions; "zero_shot": mean accuracy of shape, colour
        and texture of single objects."""
        x, truths, false, _ = self._asked
        u = encode_images(model, x)
        true = (u * encode_texts(model, truths)).sum(dim=1)  # (test,)
        out = {}
        for kind, texts in false.items():
            v = encode_texts(model, [t for row in texts for t in row]).view(len(u), -1, u.shape[1])  # (test, foils, D)
            out[kind] = (true > (v @ u[:, :, None])[..., 0].amax(dim=1)).double().mean().item()
        for name, texts in self.queries.items():
            recall = recall_at_k(u, encode_texts(model, texts), ks=(1,))
            out[name] = sum(recall.values()) / 2
        x, labels = self._single
        u, found = encode_images(model, x), []
        for a in ("shape", "colour", "texture"):
            w = class_embeddings(model, [SINGLE.prompts(**{a: value}) for value in SINGLE.classes(a)])
            found.append(accuracy(predict(u, w), labels[a]))
        return out | {"zero_shot": sum(found) / 3}

    def blind_accuracy(self, kind: str, keep: Callable[[Statement], bool] = of_place) -> float:
        """How often a scorer that sees the texts alone prefers the true caption: logistic regression on runs of one to three
        words, trained on half of `blind` further captions and foils, asked about the other half. keep: of which captions."""
        batch = compositional.WORLD.batch(BLIND_SEED, range(2 * self.blind))
        if kind == "order":
            said = [(realise(s), f) for s, f in zip(batch.statements, shuffled([realise(s) for s in batch.statements], batch.draw), strict=True)]
        else:
            said = [(realise(s), realise(f)) for s, f in zip(batch.statements, foils(batch, kind), strict=True) if f is not None]
        said = [pair for s, pair in zip(batch.statements, said, strict=True) if keep(s)][: self.blind]
        half = len(said) // 2
        words = CountVectorizer(ngram_range=(1, 3), token_pattern=r"\w+|[^\w\s]")
        x = words.fit_transform([t for pair in said[:half] for t in pair])
        scorer = LogisticRegression(C=0.1, max_iter=200).fit(x, [1, 0] * half)
        true, false = (scorer.decision_function(words.transform([pair[k] for pair in said[half:]])) for k in (0, 1))
        return float((true > false).mean() + (true == false).mean() / 2)

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"relations": list(PLACES), "start": self.backbone}
