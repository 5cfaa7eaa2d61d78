"""The `few-shot` protocol: classes that scenes-clip can name, but not well, and a few labelled images of each.

A class is a colour, a texture and a shape whose (shape, colour) combination pre-training never showed, painted in a style
that it never showed and seen through a blurred lens. Half of the classes are *base*, the other half *new*: each shape and
texture is in both, each colour in one. Papers: coop, clip-adapter, tip-adapter.

Whatever has to be chosen for a method (a learning rate, a blending ratio) is chosen by `choose`, on validation images of
the base classes alone, for each number of shots. New classes, test images and shifted domains take part in no choice.
"""

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes import World
from ..data.scenes.degrade import degrade
from ..evals import LinearProbe, accuracy, class_embeddings, encode_images
from ..models import load
from .shipped import WORLD

SUPPORT, TEST = 5_000_000, 6_000_000  # first seeds of the two sequences of scenes


def grid(**values: Sequence) -> list[dict]:
    """Every combination of values: grid(a=(1, 2), b=(3,)) is [{"a": 1, "b": 3}, {"a": 2, "b": 3}]."""
    return [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]


STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4)  # of the probe: half decades
GRIDS = {  # what `choose` may choose from: twelve settings for whatever runs on features, three where the text tower runs
    "linear probe": grid(strength=STRENGTHS),
    "Tip-Adapter": grid(alpha=(1.0, 3.0, 10.0, 30.0), beta=(3.0, 10.0, 30.0)),
    "Tip-Adapter-F": grid(alpha=(1.0, 3.0, 10.0), beta=(10.0, 30.0), lr=(1e-3, 3e-3)),
    "CLIP-Adapter": grid(alpha=(0.2, 0.4, 0.6, 0.8), lr=(3e-3, 1e-2, 3e-2)),
    "CoOp": grid(lr=(0.1, 0.3, 1.0)),
}


@dataclass(frozen=True)
class Domain:
    """How the same classes look. degradations: (kind, severity) as of `degrade`, applied in order."""

    styles: tuple[str, ...] = ("painting",)
    backgrounds: tuple[str, ...] = WORLD.backgrounds
    degradations: tuple[tuple[str, float], ...] = (("blur", 0.6),)


SOURCE = Domain()
SHIFTS = {  # methods see images of SOURCE only
    "sketch": Domain(styles=("sketch",)),
    "faint": Domain(degradations=(("blur", 0.6), ("contrast", 0.6))),
    "clutter": Domain(backgrounds=("cloudy", "noisy", "lined", "tiled")),
}


@dataclass(frozen=True)
class Task:
    """Classes to tell apart. numbers: their labels in the protocol; names: "red striped star", one each; w: (C, D) their
    zero-shot embeddings, unit rows; scale: CLIP's logit scale s."""

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    w: Tensor = field(repr=False)
    scale: float

    def part(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The rows whose class is in this task, with labels 0 .. C - 1."""
        place = torch.full((max(int(labels.max()), *self.numbers) + 1,), -1)
        place[list(self.numbers)] = torch.arange(len(self.numbers))
        rows = place[labels] >= 0
        return features[rows], place[labels[rows]]


Logits = Callable[[Tensor], Tensor]  # features (B, D) -> logits (B, C)
Fit = Callable[..., Logits]  # fit(task, features, labels, seed=..., **settings)


@dataclass(frozen=True)
class FewShot:
    """The protocol's configuration.

    Attributes:
        test: test images of each domain. shots: labelled images a class. validation: images of each *base* class on which
            settings are chosen. source, shifts: domains.
    """

    test: int = 2_048
    shots: tuple[int, ...] = (1, 2, 4, 8, 16)
    validation: int = 8
    textures: tuple[str, ...] = ("striped", "dotted")
    source: Domain = SOURCE
    shifts: tuple[tuple[str, Domain], ...] = tuple(SHIFTS.items())
    backbone: str = "scenes-clip"
    tries: int | None = None

    @cached_property
    def clip(self):
        """The frozen model."""
        return load(self.backbone).requires_grad_(False)

    @cached_property
    def _triples(self) -> list[tuple[int, int, int]]:
        return [tuple(map(int, row)) for row in sorted(self.world(self.source).combinations.tolist())]

    @cached_property
    def classes(self) -> list[dict[str, str]]:
        """shape, colour and texture of each class, in the order of the labels."""
        w = self.world(self.source)
        return [{"shape": w.shapes[s], "colour": w.colours[c], "texture": w.textures[t]} for s, c, t in self._triples]

    @cached_property
    def base(self) -> tuple[int, ...]:
        """Labels of the base classes: the first four colours."""
        return tuple(i for i, (_, c, _) in enumerate(self._triples) if c < len(WORLD.colours) // 2)

    @cached_property
    def new(self) -> tuple[int, ...]:
        """Labels of the new classes: the other colours."""
        return tuple(i for i in range(len(self.classes)) if i not in self.base)

    def world(self, domain: Domain) -> World:
        """Scenes of combinations that pre-training never showed, before degradation."""
        return WORLD(split="novel", styles=domain.styles, backgrounds=domain.backgrounds, textures=self.textures)

    def labels(self, domain: Domain, seed: int, index) -> Tensor:
        """(B,) class labels; no pixel is drawn."""
        seen = self.world(domain).batch(seed, index).layout
        number = {triple: i for i, triple in enumerate(self._triples)}
        rows = zip(seen.shape[:, 0].tolist(), seen.colour[:, 0].tolist(), seen.texture[:, 0].tolist(), strict=True)
        return torch.tensor([number[row] for row in rows])

    def images(self, domain: Domain, seed: int, index) -> Tensor:
        """(B, 3, H, W) the scenes number `index` of a sequence, in a domain."""
        batch = self.world(domain).batch(seed, index)
        images = batch.images
        for kind, severity in domain.degradations:
            images = degrade(images, kind, severity, batch.draw)
        return images

    def support_rows(self, seed: int) -> Tensor:
        """(C, most shots + validation) numbers of scenes of sequence SUPPORT + seed: the first of each class."""
        need = max(self.shots) + self.validation
        labels = self.labels(self.source, SUPPORT + seed, range(4 * need * len(self.classes)))
        return torch.stack([(labels == c).nonzero()[:need, 0] for c in range(len(self.classes))])

    @cached_property
    def prompts(self) -> list[list[str]]:
        """For each class, its sentence in each template."""
        return [WORLD.prompts(**c) for c in self.classes]

    @cached_property
    def templates(self) -> dict[str, Tensor]:
        """Zero-shot classifiers (C, D) by name: each template alone, and "ensemble", the mean over all of them."""
        single = {f"template {t}": [[p[t]] for p in self.prompts] for t in range(len(self.prompts[0]))}
        return {k: class_embeddings(self.clip, p) for k, p in (single | {"ensemble": self.prompts}).items()}

    def wording(self, seed: int) -> str:
        """The name of the classifier in `templates` that is best on the validation images: every method's start."""
        u, y = self.validation_set(seed)

        def score(name: str) -> float:
            base = self.task("base", seed, name)
            return accuracy((u @ base.w.T).argmax(dim=1), base.part(u, y)[1])

        return max(self.templates, key=score)

    def task(self, which: str, seed: int, wording: str | None = None) -> Task:
        """ "all" classes, the "base" ones or the "new" ones, with the zero-shot classifier of this seed's wording.

        Raises:
            ValueError: another name.
        """
        parts = {"all": tuple(range(len(self.classes))), "base": self.base, "new": self.new}
        if which not in parts:
            raise ValueError(f"no task {which!r}; there are {', '.join(parts)}")
        numbers = parts[which]
        names = tuple(" ".join(self.classes[i][a] for a in ("colour", "texture", "shape")) for i in numbers)
        w = self.templates[wording or self.wording(seed)][list(numbers)]
        return Task(numbers, names, w, self.clip.scale().item())

    def support(self, seed: int, shots: int) -> tuple[Tensor, Tensor]:
        """Features (C shots, D), unit rows, and labels of `shots` images a class. More shots contain the fewer.

        Raises:
            ValueError: shots outside 1 .. the most that the protocol has.
        """
        if not 1 <= shots <= max(self.shots):
            raise ValueError(f"shots {shots} must be within 1..{max(self.shots)}; zero-shot needs no support")
        u = _draw(self, seed)[:, :shots]
        return u.flatten(0, 1), torch.arange(len(u)).repeat_interleave(shots)

    def validation_set(self, seed: int) -> tuple[Tensor, Tensor]:
        """Features and labels of images of the base classes that are in no support set."""
        u = _draw(self, seed)[list(self.base), max(self.shots) :]
        return u.flatten(0, 1), torch.tensor(self.base).repeat_interleave(self.validation)

    def test_set(self, domain: str = "source") -> tuple[Tensor, Tensor]:
        """Features and labels of the test images of "source" or of a shift, for every seed the same."""
        return _test(self, domain)

    def accuracy(self, logits: Logits, task: Task, domain: str = "source") -> float:
        """Share of the domain's test images of the task's classes that are classified right among these classes."""
        u, y = task.part(*self.test_set(domain))
        return accuracy(logits(u).argmax(dim=1), y)

    def choose(self, fit: Fit, grid: Sequence[dict], seed: int, shots: int) -> dict:
        """The settings of the grid that are best on the validation images, fitted on `shots` images of the base classes.

        Ties go to the lower cross-entropy.
        """
        return max(grid[: self.tries], key=lambda settings: self.score(fit, settings, seed, shots))

    def score(self, fit: Fit, settings: dict, seed: int, shots: int) -> tuple[float, float]:
        """Accuracy on the validation images, and minus their cross-entropy, of a fit to the base classes."""
        task = self.task("base", seed)
        logits = fit(task, *task.part(*self.support(seed, shots)), seed=seed, **settings)
        u, y = task.part(*self.validation_set(seed))
        z = logits(u)
        return accuracy(z.argmax(dim=1), y), -F.cross_entropy(z, y).item()

    def run(self, fit: Fit, grid: Sequence[dict], seed: int, shots: int, task: str = "all") -> tuple[Logits, dict, float]:
        """Choose the settings, fit to `shots` images of each class of the task: its logits, the settings, the seconds of
        that one fit (features and the choice not counted)."""
        settings = self.choose(fit, grid, seed, shots) if len(grid[: self.tries]) > 1 else grid[0]
        target = self.task(task, seed)
        u, y = target.part(*self.support(seed, shots))
        start = time.process_time()
        logits = fit(target, u, y, seed=seed, **settings)
        return logits, settings, time.process_time() - start

    def measure(self, fit: Fit, grid: Sequence[dict], seed: int, transfer: Fit | None = None) -> dict[str, float]:
        """One column of the family's table: "acc_1" .. on all classes, "base", "new", "hm" of a fit to the base classes at
        the most shots, "shift" (mean over the shifted domains; also one by one) and "seconds" of the largest fit on all
        classes.

        transfer: what the fit says of the new classes, (fitted logits, new task) -> logits; without it neither "new" nor
            "hm" is there, as a probe has no opinion on a class it never saw.
        """
        most, every, out = max(self.shots), self.task("all", seed), {}
        for k in self.shots:
            logits, settings, seconds = self.run(fit, grid, seed, k)
            out[f"acc_{k}"] = self.accuracy(logits, every)
        shifted = {f"shift_{name}": self.accuracy(logits, every, name) for name, _ in self.shifts}
        on_base = self.run(fit, [settings], seed, most, "base")[0]
        out["base"] = self.accuracy(on_base, self.task("base", seed))
        if transfer is not None:
            task = self.task("new", seed)
            out["new"] = self.accuracy(transfer(on_base, task), task)
            out["hm"] = harmonic(out["base"], out["new"])
        return out | {"shift": sum(shifted.values()) / len(shifted)} | shifted | {"seconds": seconds}

    def baselines(self, seed: int) -> dict[str, float]:
        """The zero-shot classifier ("zero_") and the tuned linear probe ("probe_"), measured as every method is."""
        zero = self.measure(zero_shot, [{}], seed, transfer=lambda _, task: zero_shot(task))
        probe = self.measure(linear_probe, GRIDS["linear probe"], seed)
        out = {"zero_shot": zero["acc_1"]} | {f"zero_{k}": zero[k] for k in ("base", "new", "hm", "shift")}
        return out | {k.replace("acc", "probe") if k.startswith("acc") else f"probe_{k}": v for k, v in probe.items()}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"grids": GRIDS}


def harmonic(a: float, b: float) -> float:
    """Harmonic mean 2ab / (a + b) of two shares, 0 where both are."""
    return 2 * a * b / (a + b) if a + b else 0.0


def zero_shot(task: Task, *_, **__) -> Logits:
    """s u . w_c; it looks at no labelled image."""
    return lambda u: task.scale * u @ task.w.T


def linear_probe(task: Task, features: Tensor, labels: Tensor, seed: int = 0, strength: float = 1.0) -> Logits:
    """Logistic regression on the frozen features; it does not look at the names."""
    with warnings.catch_warnings():  # scikit-learn takes one image a class for a regression
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        model = LinearProbe(strength).fit(features, labels).model
    return lambda u: torch.from_numpy(model.decision_function(u.double().numpy())).float()


@lru_cache(maxsize=8)
def _draw(protocol: FewShot, seed: int) -> Tensor:
    """(C, most shots + validation, D) features of one seed's labelled images."""
    rows = protocol.support_rows(seed)
    images = protocol.images(protocol.source, SUPPORT + seed, rows.flatten().tolist())
    return encode_images(protocol.clip, images).view(*rows.shape, -1)


@lru_cache(maxsize=8)
def _test(protocol: FewShot, domain: str) -> tuple[Tensor, Tensor]:
    domains = {"source": protocol.source} | dict(protocol.shifts)
    if domain not in domains:
        raise ValueError(f"no domain {domain!r}; there are {', '.join(domains)}")
    index = range(protocol.test)
    images = protocol.images(domains[domain], TEST, index)
    return encode_images(protocol.clip, images), protocol.labels(domains[domain], TEST, index)
