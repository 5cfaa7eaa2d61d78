"""The `interpretability` protocol: what is inside scenes-clip-deep, measured on single objects. Papers: clip-text-span.

Ablations are scored by the zero-shot accuracy of (colour, shape) names of combinations that pre-training held out. A pool
of sentences names one value of one attribute each. A second set of scenes has groups of shape and background in equal
number, classified by sentences of a biased collection, in which half of the shapes nearly always stand on dark grounds.
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes import Statement
from ..data.scenes.english import NOUNS, TEMPLATES, realise
from ..evals import accuracy, class_embeddings, encode_texts, predict
from ..methods.residual_sum import decompose
from ..models import load
from .shipped import WORLD

FAMILIES = ("shape", "colour", "texture", "size", "background", "style")
GROUNDS = ("dark", "light")


@dataclass
class Scenes:
    """Decomposed scenes. features (B, D), not normalised; heads (L, B, h, D), biases and mlps (L, B, D), start (B, D);
    tokens (B, T, D): the heads' contributions summed over layers and heads; dense (B, P, D) and attention (B, P): what the
    patches' own last states and the last class attention say; labels; masks (B, H, W); error: of the sum; images."""

    features: Tensor
    heads: Tensor
    biases: Tensor
    mlps: Tensor
    start: Tensor
    tokens: Tensor
    dense: Tensor
    attention: Tensor
    labels: dict[str, Tensor]
    masks: Tensor
    images: Tensor
    error: float

    def layer(self, l: int) -> Tensor:
        """(B, D): everything that attention layer l writes."""
        return self.heads[l].sum(dim=1) + self.biases[l]


@dataclass(frozen=True)
class Interpretability:
    """One configuration. statistics: scenes for means and descriptions; test: for ablations; groups: for spurious cues;
    maps: for segmentation; steps: texts for a head; late: how many layers count as late; mention: how often a sentence of
    the biased collection names the background, bias: how often this is the usual one."""

    statistics: int = 1_000
    test: int = 1_000
    groups: int = 1_000
    maps: int = 200
    steps: int = 5
    late: int = 3
    mention: float = 1.0
    bias: float = 0.95
    backbone: str = "scenes-clip-deep"

    @cached_property
    def clip(self):
        """The frozen model."""
        return load(self.backbone)

    @cached_property
    def rank(self) -> int:
        """Directions that one head can write: its width."""
        return self.clip.config.width // self.clip.config.heads

    @cached_property
    def depth(self) -> int:
        return self.clip.config.depth

    def late_layers(self) -> range:
        """Numbers of the last layers."""
        return range(self.depth - self.late, self.depth)

    def _take(self, world, seed: int, rows: Sequence[int], chunk: int = 200) -> Scenes:
        from ..models.inside import look_inside

        kept, error = [], 0.0
        for start in range(0, len(rows), chunk):
            batch = world.batch(seed, rows[start : start + chunk])
            parts, inside = decompose(self.clip, batch.images), look_inside(self.clip, batch.images)
            error = max(error, (parts.total() - parts.features).abs().max().item())
            skip, look = int(inside.class_token), inside.attention[-1].mean(dim=1)  # look: (B, T, T)
            look = look[:, 0, 1:] if skip else look.mean(dim=1)  # (B, P)
            kept.append((parts.features, parts.heads.sum(dim=3).transpose(0, 1), parts.biases.transpose(0, 1),
                         parts.mlps.transpose(0, 1), parts.start, parts.heads.sum(dim=(0, 2))[:, skip:], inside.dense, look,
                         batch.masks.any(dim=1), batch.images))  # fmt: skip
        f, heads, biases, mlps, start, tokens, dense, look, masks, images = (torch.cat(x) for x in zip(*kept, strict=True))
        labels = {k: v[:, 0] if v.ndim == 2 else v for k, v in world.batch(seed, rows).labels.items()}
        heads, biases, mlps = (x.transpose(0, 1).contiguous() for x in (heads, biases, mlps))
        return Scenes(f, heads, biases, mlps, start, tokens, dense, look, labels, masks, images, error)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def statistics_set(self, seed: int) -> Scenes:
        """Scenes of pre-training's world, for the means and the descriptions."""
        return self._take(WORLD, 71_000 + seed, range(self.statistics))

    @cache  # noqa: B019
    def test_set(self, seed: int) -> Scenes:
        """Scenes of combinations that pre-training never showed."""
        return self._take(WORLD(split="novel"), 72_000 + seed, range(self.test))

    @cache  # noqa: B019
    def map_set(self, seed: int) -> Scenes:
        """Smaller objects anywhere in the frame."""
        return self._take(WORLD(spread=1.0, fill=(0.45, 0.65)), 73_000 + seed, range(self.maps))

    @cache  # noqa: B019
    def group_set(self, seed: int) -> tuple[Scenes, Tensor]:
        """Scenes on dark and light grounds of held-out combinations, and the group (B,) of each: 2 * (half of the shapes) +
        (ground is light), every group equally often."""
        world = WORLD(split="novel", backgrounds=GROUNDS)
        labels = world.batch(74_000 + seed, range(4 * self.groups)).labels
        group = 2 * (labels["shape"][:, 0] >= len(world.shapes) // 2).long() + labels["background"]
        rows = torch.cat([(group == g).nonzero()[: self.groups // 4, 0] for g in range(4)])
        return self._take(world, 74_000 + seed, rows.tolist()), group[rows]

    @cached_property
    def names(self) -> Tensor:
        """(64, D) class embeddings of colour and shape, the shape fastest."""
        return class_embeddings(self.clip, WORLD.class_prompts("colour", "shape"))

    @cached_property
    def classifiers(self) -> dict[str, Tensor]:
        """attribute -> class embeddings (C, D)."""
        return {a: class_embeddings(self.clip, WORLD.class_prompts(a)) for a in ("shape", "colour", "texture", "size")}

    def name_accuracy(self, features: Tensor, scenes: Scenes) -> float:
        """Zero-shot accuracy among the 64 names."""
        truth = scenes.labels["colour"] * len(WORLD.shapes) + scenes.labels["shape"]
        return accuracy(predict(features, self.names), truth)

    @cached_property
    def pool(self) -> tuple[list[str], list[str]]:
        """Sentences that name one value of one attribute, and the attribute of each."""
        texts, family = [], []
        for a in FAMILIES:
            for value in WORLD.classes(a):
                if value == "flat":
                    continue  # a plain picture has no word of its own
                ground, style = (value if a == "background" else None), (value if a == "style" else None)
                thing = {} if a in ("background", "style") else {a: value}
                said = [realise(Statement((thing,), (), ground, style), t) for t in range(len(TEMPLATES))]
                said += [t for t in WORLD.prompts(**{a: value}) if a != "style" or NOUNS[value] in t]  # "this is an object."
                texts += said
                family += [a] * len(said)
        return texts, family

    def shuffled_pool(self, seed: int) -> list[str]:
        """The pool's sentences with all their words dealt anew, lengths kept."""
        words = [t.rstrip(".").split() for t in self.pool[0]]
        deck = [w for ws in words for w in ws]
        random.Random(seed).shuffle(deck)
        return [" ".join(deck.pop() for _ in ws) + "." for ws in words]

    def texts(self, sentences: list[str]) -> Tensor:
        """Unit text features."""
        return encode_texts(self.clip, sentences)

    @cached_property
    def biased(self) -> Tensor:
        """(8, D) class embeddings from a collection's sentences: of those that name the background, which a share `mention`
        of them does, `bias` name the one that this half of the shapes usually has."""
        rows = []
        for k, shape in enumerate(WORLD.shapes):
            usual = GROUNDS[k >= len(WORLD.shapes) // 2]
            weight = {g: self.mention * (self.bias if g == usual else 1 - self.bias) for g in GROUNDS} | {None: 1 - self.mention}
            v = torch.zeros(self.clip.config.embed_dim)
            for ground, w in weight.items():
                said = [realise(Statement(({"shape": shape},), (), ground), t) for t in range(len(TEMPLATES))]
                v += w * self.texts(said).mean(dim=0)
            rows.append(v)
        return F.normalize(torch.stack(rows), dim=-1)

    def group_accuracies(self, features: Tensor, seed: int, classes: Tensor | None = None) -> list[float]:
        """Accuracy of shape in each of the four groups."""
        scenes, group = self.group_set(seed)
        right = predict(features, self.biased if classes is None else classes) == scenes.labels["shape"]
        return [right[group == g].double().mean().item() for g in range(4)]

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"families": list(FAMILIES)}
