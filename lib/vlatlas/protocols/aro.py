"""The `aro` protocol: which of two captions with the same words is true? A CLIP that has seen pairs of objects is fine-tuned.

After ARO (Yuksekgonul et al. 2023): attribution, relation and order on the scenes of `splits.compositional`, retrieval with
intact and with shuffled captions, and zero-shot accuracy of single objects. Captions name colour, texture and shape of both
objects and where one stands; those that compare sizes are left out, since "a large star larger than a small ring" is
told from its foil without a look at the image. All arms of a seed share the start and the captions. Papers: negclip.
"""

import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import torch
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from ..data.scenes.batch import Batch
from ..data.scenes.english import TEMPLATES, realise
from ..data.scenes.negatives import shuffled, swap_attribute, swap_relation
from ..data.scenes.statement import Statement
from ..data.splits.compositional import TEST_SEED, WORLD
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..methods.last_layers import LastLayers, enter_last_layers
from ..methods.negclip import DISORDERS, KINDS, SHARES, NegClipLoss, disordered, hard_images, swapped
from ..models import load
from ..train import TrainConfig, train
from .shipped import WORLD as SINGLE

POOL_SEED, SINGLE_SEED, BLIND_SEED = 61, 62, 63
PLACES = ("left of", "right of", "above", "below")
TESTS = ("attribute", "relation", "order")
ARMS = ("plain", "texts", "negclip", "strangers")


def brief(statement: Statement) -> Statement:
    """What a caption of this protocol says: colour, texture and shape of the objects, and the relation."""
    objects = tuple({a: thing[a] for a in ("colour", "texture", "shape")} for thing in statement.objects)
    return replace(statement, objects=objects, background=None)


def scenes(seed: int, count: int) -> tuple[Batch, list[Statement]]:
    """The first `count` scenes of a seed that have a relation of place to tell, and what their captions say."""
    said = WORLD.batch(seed, range(2 * count + 50)).statements
    rows = [i for i, s in enumerate(said) if s.relations and s.relations[0][1] in PLACES][:count]
    return WORLD.batch(seed, rows), [brief(said[i]) for i in rows]


def false_statement(statement: Statement, kind: str) -> Statement:
    """The foil of ARO's kind: "attribute" (the objects exchange colours) or "relation" (they change places)."""
    return swap_attribute(statement, "colour") if kind == "attribute" else swap_relation(statement)


@dataclass(frozen=True)
class Aro:
    """One configuration. pool: captioned scenes for fine-tuning; test: scenes with two objects; single: with one; blind: texts
    of each kind for a scorer without eyes; steps, batch_size (pairs a step), lr, blocks (image blocks that learn): of
    fine-tuning; neighbours: hard images are drawn from so many nearest ones."""

    backbone: str = "scenes-clip-pairs"
    pool: int = 4_096
    test: int = 500
    single: int = 500
    blind: int = 8_000
    steps: int = 130
    batch_size: int = 32
    lr: float = 1e-3
    blocks: int = 1
    neighbours: int = 3
    device: str = "cpu"

    @cached_property
    def clip(self):
        """Where every arm starts."""
        return load(self.backbone).eval().to(self.device)

    @cached_property
    def train_captions(self) -> list[str]:
        """Captions for fine-tuning, in all templates."""
        batch, said = scenes(POOL_SEED, self.pool)
        templates = batch.draw.integers("phrase", 2 * len(TEMPLATES))[:, 0].tolist()
        return [realise(s, t) for s, t in zip(said, templates, strict=True)]

    @cached_property
    def train_tokens(self) -> Tensor:
        """What enters the image blocks that learn, (pool, P, W)."""
        return self.enter(scenes(POOL_SEED, self.pool)[0].images)

    @cached_property
    def train_ids(self) -> Tensor:
        """The captions' ids, (pool, T)."""
        return self.clip.tokenizer(self.train_captions)

    @cached_property
    def false_ids(self) -> tuple[Tensor, Tensor]:
        """Every swap of every caption, ids (pool, kinds, T), and how probable it is, (pool, kinds); rows that can't be
        swapped in a kind have probability zero there."""
        texts = [[swapped(c, k) for k in KINDS] for c in self.train_captions]
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

    def batches(self, arm: str, seed: int) -> Callable[[int], tuple]:
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
        model = self.start()
        train(model, self.batches(arm, seed), NegClipLoss(), config, self.device, label=f"{arm}, seed {seed}")
        return model.eval()

    @cached_property
    def test_tokens(self) -> Tensor:
        """Activations of the test scenes, (test, P, W)."""
        return self.enter(scenes(TEST_SEED, self.test)[0].images)

    @cached_property
    def questions(self) -> dict[str, list[list[str]]]:
        """Test kind -> for each scene its caption, and after it the false ones: one, or for "order" one of each of
        `DISORDERS`."""
        said = scenes(TEST_SEED, self.test)[1]
        truths = [realise(s) for s in said]
        mixed = [[disordered(t, how, random.Random(f"{how}.{i}")) for i, t in enumerate(truths)] for how in DISORDERS]
        out = {k: [[t, realise(false_statement(s, k))] for t, s in zip(truths, said, strict=True)] for k in TESTS[:2]}
        return out | {"order": [list(row) for row in zip(truths, *mixed, strict=True)]}

    @cached_property
    def queries(self) -> dict[str, list[str]]:
        """Captions of the test scenes for retrieval: "intact"; with nouns and with adjectives "exchanged"; all words
        "shuffled"."""
        truths = [row[0] for row in self.questions["order"]]
        exchanged = [row[1 + DISORDERS.index("content")] for row in self.questions["order"]]
        return {"intact": truths, "exchanged": exchanged, "shuffled": shuffled(truths, scenes(TEST_SEED, self.test)[0].draw)}

    @cached_property
    def _single(self) -> tuple[Tensor, dict[str, Tensor]]:
        batch = SINGLE(styles=("flat",)).batch(SINGLE_SEED, range(self.single))
        return self.enter(batch.images), {k: v[:, 0] for k, v in batch.labels.items() if v.ndim == 2}

    def evaluate(self, model: LastLayers) -> dict[str, float]:
        """ "attribute", "relation" (chance 1/2), "order" (chance 1/5): how often the true caption scores highest, ties lost;
        "intact", "exchanged", "shuffled": recall@1, the mean of both directions; "zero_shot": mean accuracy of shape, colour
        and texture of single objects."""
        u, out = encode_images(model, self.test_tokens), {}
        for kind, rows in self.questions.items():
            v = encode_texts(model, [t for row in rows for t in row]).view(len(u), -1, u.shape[1])  # (test, 1 + foils, D)
            score = (v @ u[:, :, None])[..., 0]
            out[kind] = (score[:, 0] > score[:, 1:].amax(dim=1)).double().mean().item()
        for name, texts in self.queries.items():
            out[name] = sum(recall_at_k(u, encode_texts(model, texts), ks=(1,)).values()) / 2
        x, labels = self._single
        u, found = encode_images(model, x), []
        for a in ("shape", "colour", "texture"):
            w = class_embeddings(model, [SINGLE.prompts(**{a: value}) for value in SINGLE.classes(a)])
            found.append(accuracy(predict(u, w), labels[a]))
        return out | {"zero_shot": sum(found) / 3}

    def blind_accuracy(self, kind: str) -> float:
        """How often a scorer that sees the texts alone prefers the caption to its foil: logistic regression on runs of one to
        three words, trained on half of `blind` further captions and foils, asked about the other half; a tie is half right."""
        said = scenes(BLIND_SEED, self.blind)[1]
        true = [realise(s) for s in said]
        if kind == "order":
            false = [disordered(t, DISORDERS[i % 4], random.Random(i)) for i, t in enumerate(true)]
        else:
            false = [realise(false_statement(s, kind)) for s in said]
        half, words = self.blind // 2, CountVectorizer(ngram_range=(1, 3), token_pattern=r"\w+|[^\w\s]")
        x = words.fit_transform(true[:half] + false[:half])
        scorer = LogisticRegression(C=0.1, max_iter=200).fit(x, [1] * half + [0] * half)
        a, b = (scorer.decision_function(words.transform(texts[half:])) for texts in (true, false))
        return float((a > b).mean() + (a == b).mean() / 2)

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"relations": list(PLACES)}
