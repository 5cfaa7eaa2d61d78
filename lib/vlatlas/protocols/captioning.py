"""The `captioning` protocol: sentences about one or two objects from one CLIP vector. Papers: show-and-tell, clipcap, capdec.

A pair is an image and its statement in one of four sentences, drawn anew at each step. Features of the frozen towers, of images
and of sentences, are computed once. Tests are of combinations of shape and colour that training shows, and of those that it,
the towers' second training and the language model have never seen. Each test image has five references. Captions are scored
by CIDEr-D and BLEU, by CLIPScore, and by what they say about the scene.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
from torch import Tensor, nn

from ..data.scenes.english import TEMPLATES, realise
from ..data.splits import captioning
from ..evals import encode_images, encode_texts
from ..evals.caption_facts import facts
from ..evals.caption_scores import bleu, cider, clip_score
from ..methods.capdec import noisy
from ..methods.clipcap import ClipCap
from ..methods.decoding import beam, greedy
from ..methods.show_and_tell import ShowAndTell
from ..models import WordTokenizer, load
from ..models.language import LanguageModel
from ..train import TrainConfig, train
from .captioning_text import WORLD as TEXT_WORLD
from .captioning_text import fresh, load_scenes_lm, words

WORLD = captioning.WORLD(objects=(1, 2))
NOVEL = WORLD(split="novel")
PAIR_SEED, TEST_SEED, NOVEL_SEED = 27_100_000, 27_200_000, 27_300_000
SCORES = ("cider", "bleu", "clip_score", "attributes", "binding", "true")
ON_NOVEL = ("cider", "attributes", "binding")
assert TEXT_WORLD.held_out == WORLD.held_out, "the language model must not read what captioners are tested on"


@dataclass
class Told:
    """Captioned scenes: unit features (n, D), scene graphs, and five references each."""

    features: Tensor
    graphs: list
    references: list[list[str]]


@dataclass(frozen=True)
class Captioning:
    """One configuration. pairs: for training; few: the small training set; test: images of each kind; batch: of every arm; steps:
    of arms that tune the language model; lstm_steps, frozen_steps: of an LSTM, which has language to learn as well, and of arms
    that leave the language model as it is, which learn slowly; lr_lstm, lr_tuned: the best of four on seeds 10 and 11; lr_frozen:
    of a frozen language model; weight_decay; k: prefix length; width: of the LSTM; beam: of the decoder; longest: words of a
    caption."""

    pairs: int = 2_000
    few: int = 200
    test: int = 200
    batch: int = 16
    steps: int = 200
    lstm_steps: int = 750
    frozen_steps: int = 750
    lr_lstm: float = 6e-3
    lr_tuned: float = 6e-3
    lr_frozen: float = 6e-3
    weight_decay: float = 0.05
    k: int = 4
    width: int = 128
    beam: int = 3
    longest: int = 36
    backbone: str = "scenes-clip-pairs"

    @cached_property
    def clip(self):
        """The frozen towers."""
        return load(self.backbone)

    @cached_property
    def tokenizer(self) -> WordTokenizer:
        """Words of the language model, which every arm uses."""
        return WordTokenizer(words(), self.longest)

    @property
    def d(self) -> int:
        """D of the features."""
        return self.clip.config.embed_dim

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def pairs_of(self, seed: int) -> tuple[Tensor, list[list[str]], Tensor]:
        """Training pairs: features (pairs, D) of the images, four sentences each, and their ids (pairs, 4, T)."""
        batch = WORLD.batch(PAIR_SEED + seed, range(self.pairs))
        texts = [[realise(s, t) for t in range(len(TEMPLATES))] for s in batch.statements]
        ids = self.tokenizer([t for row in texts for t in row]).view(self.pairs, len(TEMPLATES), -1)
        return encode_images(self.clip, batch.images), texts, ids[:, :, : int((ids != 0).any(dim=0).any(dim=0).sum())]

    @cache  # noqa: B019
    def sentences_of(self, seed: int) -> Tensor:
        """Features (pairs, 4, D) of the training sentences, in the order of `pairs_of`."""
        texts = [t for row in self.pairs_of(seed)[1] for t in row]
        return encode_texts(self.clip, texts).view(self.pairs, len(TEMPLATES), -1)

    @cache  # noqa: B019
    def test_set(self, seed: int, novel: bool = False) -> Told:
        """Test scenes of seen or of novel combinations."""
        batch = (NOVEL if novel else WORLD).batch((NOVEL_SEED if novel else TEST_SEED) + seed, range(self.test))
        return Told(encode_images(self.clip, batch.images), batch.graphs, captioning.references(batch))

    def lstm(self, seed: int, **how) -> ShowAndTell:
        """An untrained LSTM captioner; how: `blind`, `every`."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ShowAndTell(self.tokenizer, self.d, self.width, **how)

    def prefixed(self, mapper, seed: int, k: int | None = None, frozen: bool = True, random: bool = False) -> ClipCap:
        """An untrained ClipCap before a language model of its own, shipped or with random weights; mapper: a class."""
        model: LanguageModel = fresh(1_000 + seed) if random else load_scenes_lm()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return ClipCap(mapper(self.d, k or self.k, model.width), model, frozen)

    def budget(self, model: nn.Module) -> tuple[float, int]:
        """Learning rate and steps of this sort of arm."""
        if isinstance(model, ShowAndTell):
            return self.lr_lstm, self.lstm_steps
        return (self.lr_frozen, self.frozen_steps) if model.frozen else (self.lr_tuned, self.steps)

    def teach(
        self,
        model: nn.Module,
        seed: int,
        pairs: int | None = None,
        of: str = "image",
        noise: float = 0.0,
        lr: float | None = None,
    ) -> float:
        """Train on the first `pairs` pairs, in place.

        of: "image", or "text": the captioner is given the feature of the very sentence that it shall write, and no image.
        noise: standard deviation of the noise on what it is given (`methods.capdec.noisy`), drawn anew at each step.
        Returns seconds.
        """
        n = pairs or self.pairs
        images, _, ids = self.pairs_of(seed)
        if not 1 <= n <= len(images) or of not in ("image", "text"):
            raise ValueError(f"{n} pairs of {of!r}: there are {len(images)} pairs, of 'image' or 'text'")
        given = self.sentences_of(seed) if of == "text" else images[:, None].expand(-1, len(TEMPLATES), -1)

        def batches(step: int):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randint(n, (self.batch,), generator=generator)
            which = torch.randint(len(TEMPLATES), (self.batch,), generator=generator)
            told = ids[rows, which]
            u = noisy(given[rows, which], noise, generator)
            return self.shown(u), told[:, : int((told != 0).any(dim=0).sum())]

        rate, steps = self.budget(model)
        config = TrainConfig(steps, self.batch, lr or rate, weight_decay=self.weight_decay, seed=seed)
        history = train(model, batches, caption_loss, config, "cpu", label=type(model).__name__)
        model.eval()
        return history.seconds

    def shown(self, features: Tensor) -> Tensor:
        """What a captioner is given: unit features (n, D) times the root of D, so that an entry is about 1 in size."""
        return features * self.d**0.5

    @torch.no_grad()
    def describe(self, model: nn.Module, features: Tensor, width: int | None = None) -> list[str]:
        """A caption for each of features (n, D), by a beam of this width (1: greedy)."""
        width, longest, out = width or self.beam, self.longest - 1, []
        for part in features.split(100):
            begun = model.start(self.shown(part))
            ids = greedy(*begun, model.step, longest) if width == 1 else beam(*begun, model.step, longest, width)[0]
            out += [readable(self.tokenizer.decode(row)) for row in ids.tolist()]
        return out

    def nearest(self, features: Tensor, seed: int) -> list[str]:
        """The caption of the training image whose feature is most similar, for each of features (n, D)."""
        known, texts, _ = self.pairs_of(seed)
        return [texts[i][0] for i in (features @ known.T).argmax(dim=1).tolist()]

    def score(self, captions: list[str], told: Told) -> dict[str, float]:
        """cider (the standard code's number; tables of papers print 100 times that), bleu, clip_score, attributes, binding,
        true, complete (see `evals.caption_facts.Facts`). Raises as `evals.caption_scores.bleu`, also without sacrebleu."""
        out = {"cider": cider(captions, told.references).mean().item(), "bleu": bleu(captions, told.references)}
        out["clip_score"] = clip_score(self.clip, told.features, captions).mean().item()
        return out | asdict(facts(captions, told.graphs))

    def measure(self, model: nn.Module, seed: int, novel: bool = False, change: Callable[[Tensor], Tensor] | None = None) -> dict:
        """`score` of a trained captioner; change: what is done to the features (n, D) before it gets them."""
        told = self.test_set(seed, novel)
        return self.score(self.describe(model, change(told.features) if change else told.features), told)

    def row(self, model: nn.Module, seed: int, change: Callable[[Tensor], Tensor] | None = None) -> dict[str, float]:
        """What each paper records of its main arm: `SCORES`; with _novel, `ON_NOVEL` on novel combinations; with _foreign, of
        captions of the next test image."""
        seen, novel = self.measure(model, seed, change=change), self.measure(model, seed, True, change)
        other = self.measure(model, seed, change=lambda u: foreign(change(u) if change else u))
        out = {s: seen[s] for s in SCORES} | {f"{s}_novel": novel[s] for s in ON_NOVEL}
        return out | {f"{s}_foreign": other[s] for s in ("cider", "attributes")}

    def floors(self, seed: int, blind: nn.Module | None = None) -> dict[str, float]:
        """What needs no captioner: the nearest training image's caption, a reference of the next test image (_strangers), and,
        if there is one, the single sentence of a captioner that was trained without images (_blind)."""
        out = {}
        for novel in (False, True):
            told = self.test_set(seed, novel)
            said = {"nearest": self.nearest(told.features, seed), "strangers": foreign([row[0] for row in told.references])}
            if blind is not None:
                said["blind"] = self.describe(blind, told.features[:1]) * self.test
            for name, captions in said.items():
                scores = self.score(captions, told)
                out |= {f"{s}_{name}{'_novel' * novel}": scores[s] for s in (ON_NOVEL if novel else SCORES)}
        return out

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self)


def foreign(rows):
    """Each of a list or of the rows of a tensor gives way to the next one."""
    return rows.roll(-1, dims=0) if isinstance(rows, Tensor) else rows[1:] + rows[:1]


def caption_loss(log_p: Tensor) -> Tensor:
    r"""$-\frac1N\sum_i\log p(t_i\mid u_i)$, log_p (B,) -> ()."""
    return -log_p.mean()


def readable(text: str) -> str:
    """Decoded words with punctuation attached, as the captions write it."""
    return text.replace(" .", ".").replace(" ,", ",").replace(" ?", "?")
