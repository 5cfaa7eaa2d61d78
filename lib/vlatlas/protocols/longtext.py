"""The `longtext` protocol: how far does a text encoder read, and what does reading further cost it? Papers: long-clip.

Two objects, up to eight sentences with one fact each, from a world of so few shapes and colours that naming both objects leaves
several scenes of the gallery. Besides, some scenes have eight rivals, of which rival k makes sentence k false and nothing else.
The image tower is frozen and every image encoded once; text towers start from one CLIP, which was trained on short captions,
and are tuned for equally many steps. What they forget is measured with short texts on all concepts that CLIP knows.
"""

import random
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial

import torch
from torch import Tensor

from ..data.rivals import rival, tellable
from ..data.scenes.english import realise
from ..data.splits import longtext
from ..data.splits.longtext import SENTENCES, descriptions
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..methods.long_clip import LongClipLoss, LongText, interpolate, primary_components, random_components, stretch
from ..models import WordTokenizer, load
from ..train import TrainConfig, train
from .shipped import WORLD as SHORT

WORLD = longtext.WORLD(objects=(2, 2), shapes=4, colours=4)  # of the eight shapes and eight colours that the towers know
ALONE = SHORT(split="novel")  # combinations of shape and colour that pre-training held out
PAIRS = SHORT(objects=(2, 2), styles=("flat",), detail="short")
TRAIN_SEED, ALONE_SEED, PAIR_SEED, RIVAL_SEED = (longtext.TEST_SEED + 100_000 * k for k in (1, 2, 3, 4))
LENGTHS = (3, 6, 12, 17, 22, 27, 32, 40, 47)  # tokens of a text that a tower is given, end-of-text not counted
ARMS = ("plain", "kps", "longclip", "whole", "random", "shuffled")


@dataclass
class Told:
    """Scenes with their descriptions: unit image features (N, D), the sentences, and one short caption each."""

    features: Tensor
    sentences: list[list[str]]
    summaries: list[str]


@dataclass(frozen=True)
class LongTexts:
    """One configuration. train: described scenes; test: scenes of the gallery; rivalled: scenes with rivals; short: scenes of
    either test with short texts; keep, ratio: of the stretching; components: k; steps, batch, lr: of every arm."""

    train: int = 1_500
    test: int = 400
    rivalled: int = 100
    short: int = 400
    keep: int = 16
    ratio: int = 4
    components: int = 8
    steps: int = 60
    batch: int = 32
    lr: float = 1e-3
    backbone: str = "scenes-clip-pairs"
    device: str = "cpu"

    @cached_property
    def clip(self):
        """The towers that every arm starts from."""
        return load(self.backbone).to(self.device)

    @property
    def context(self) -> int:
        """Tokens that the stretched towers take."""
        return self.keep + (self.clip.config.context - self.keep) * self.ratio

    def positions(self, arm: str) -> Tensor:
        """(context, W) position embeddings of an arm before training."""
        old = self.clip.text.position[0].detach()
        return interpolate(old, self.context) if arm == "plain" else stretch(old, self.keep, self.ratio)

    def start(self, arm: str) -> LongText:
        """The text tower of an arm before training."""
        return LongText(self.clip, self.positions(arm), keep=0 if arm == "plain" else self.keep).to(self.device).eval()

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def train_set(self, seed: int) -> Told:
        """Described scenes of two objects; the summary is a caption as in pre-training, which names both."""
        batch = WORLD(detail="short").batch(TRAIN_SEED + seed, range(self.train))
        return Told(encode_images(self.clip, batch.images), descriptions(batch), batch.captions)

    @cache  # noqa: B019
    def gallery(self, seed: int) -> Told:
        """Test scenes, drawn as those of training."""
        batch = WORLD.batch(longtext.TEST_SEED + seed, range(self.test))
        return Told(encode_images(self.clip, batch.images), descriptions(batch), batch.captions)

    @cache  # noqa: B019
    def rivals(self, seed: int) -> Told:
        """Scenes with rivals; features (rivalled, 1 + 8, D), the scene first, then its rivals in the order of the sentences."""
        batch = WORLD.batch(RIVAL_SEED + seed, range(4 * self.rivalled))
        batch = WORLD.batch(RIVAL_SEED + seed, batch.draw.index[tellable(batch)[: self.rivalled]])
        shown = [batch.images, *(rival(batch, k).images for k in range(1, SENTENCES + 1))]
        u = encode_images(self.clip, torch.cat(shown)).unflatten(0, (1 + SENTENCES, len(batch)))
        return Told(u.transpose(0, 1), descriptions(batch), batch.captions)

    def tune(self, arm: str, seed: int) -> LongText:
        """Train an arm: "plain" interpolation or "kps" with descriptions alone; with summaries also, matched to the main
        components ("longclip"), the "whole" feature or a "random" subspace; "shuffled" is "longclip" with every sentence
        after the second taken from another scene.

        Raises:
            ValueError: an unknown arm.
        """
        if arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use one of {', '.join(ARMS)}")
        told, model = self.train_set(seed), self.start(arm)
        sentences = told.sentences
        if arm == "shuffled":
            other = random.Random(seed).sample(sentences, len(sentences))
            sentences = [own[:2] + foreign[2:] for own, foreign in zip(sentences, other, strict=True)]
        long = model.tokenizer([" ".join(s) for s in sentences])
        short = model.tokenizer(told.summaries)
        group, short_group = (torch.unique(ids, dim=0, return_inverse=True)[1] for ids in (long, short))

        def batches(step: int):
            epoch, place = divmod(step, len(long) // self.batch)
            order = torch.randperm(len(long), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            rows = order[place * self.batch : (place + 1) * self.batch]
            if arm in ("plain", "kps"):
                return told.features[rows], long[rows], {"group": group[rows]}
            further = {"group": group[rows], "short_group": short_group[rows]}
            return told.features[rows], long[rows], short[rows], further

        coarse = {
            "random": partial(random_components, k=self.components, seed=seed),
            "whole": lambda u: u,
        }.get(arm, partial(primary_components, k=self.components))
        config = TrainConfig(self.steps, self.batch, self.lr, seed=seed)
        train(model, batches, LongClipLoss(coarse), config, self.device, label=f"{arm} {seed}")
        return model.eval()

    def texts(self, model, sentences: list[list[str]], tokens: int) -> Tensor:
        """Unit features (N, D) of the first `tokens` tokens of each description, or of as many as the model takes."""
        cut = WordTokenizer(model.tokenizer.words, min(tokens, model.tokenizer.context - 1) + 1)
        return encode_texts(model, [" ".join(s) for s in sentences], cut)

    def recall(self, model, seed: int, tokens: int = LENGTHS[-1]) -> float:
        """Recall@1 of test scenes by their descriptions, cut to that many tokens."""
        told = self.gallery(seed)
        return recall_at_k(told.features, self.texts(model, told.sentences, tokens), ks=(1,))["text_to_image@1"]

    def ceiling(self, seed: int, k: int) -> float:
        """What `recall` a perfect reader of the first k sentences would have: one over the number of scenes that they fit."""
        heads = [tuple(s[:k]) for s in self.gallery(seed).sentences]
        return sum(1 / heads.count(h) for h in heads) / len(heads)

    def told_apart(self, model, seed: int) -> list[float]:
        """For k = 1..8, how often the whole description scores its scene above rival k; chance is one half."""
        told = self.rivals(seed)
        scores = (told.features @ self.texts(model, told.sentences, LENGTHS[-1])[:, :, None])[..., 0]  # (rivalled, 9)
        return (scores[:, :1] > scores[:, 1:]).double().mean(dim=0).tolist()

    def effective_length(self, model, seed: int) -> int:
        """The least number of tokens of `LENGTHS` with 95 % of the recall that the longest text gives."""
        found = {n: self.recall(model, seed, n) for n in LENGTHS}
        return next(n for n in LENGTHS if found[n] >= 0.95 * found[LENGTHS[-1]])

    @cache  # noqa: B019
    def _short_images(self, seed: int) -> tuple[Tensor, Tensor, Tensor, list[str]]:
        alone, pairs = ALONE.batch(ALONE_SEED + seed, range(self.short)), PAIRS.batch(PAIR_SEED + seed, range(2 * self.short))
        names = alone.labels["colour"][:, 0] * len(SHORT.shapes) + alone.labels["shape"][:, 0]
        captions = [realise(s, 1) for s in pairs.statements]
        rows = list({c: b for b, c in enumerate(captions)}.values())[: self.short]
        u = encode_images(self.clip, pairs.images[rows])
        return encode_images(self.clip, alone.images), names, u, [captions[b] for b in rows]

    def zero_shot(self, model, seed: int) -> float:
        """Accuracy among the 64 names of colour and shape on single objects."""
        u, names, *_ = self._short_images(seed)
        return accuracy(predict(u, class_embeddings(model, SHORT.class_prompts("colour", "shape"))), names)

    def short_recall(self, model, seed: int) -> float:
        """Recall@1 of images of two objects by one-sentence captions, all different."""
        *_, u, captions = self._short_images(seed)
        return recall_at_k(u, encode_texts(model, captions), ks=(1,))["text_to_image@1"]

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"lengths": list(LENGTHS), "context": self.context}
