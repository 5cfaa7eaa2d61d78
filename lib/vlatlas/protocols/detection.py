"""The `detection` protocol: boxes and names in scenes of two to four objects at 64 px, on frozen patch features of scenes-clip.

Box data know sixteen names (four colours of four shapes). Grounding data know eight of each, textures and sizes, in phrases
that belong to boxes. Six downstream tasks have classes that the box data never name. Papers: glip.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..data.grounded import BOX_SEED, BOXES, GROUNDING, GROUNDING_SEED, SHOT_SEED, TASKS, TEST_SEED, words_of
from ..evals.average_precision import average_precision
from ..evals.boxes import detections
from ..methods.glip import phrase_scores
from ..methods.grounded_detector import GroundedDetector, assign, detection_loss
from ..models import load
from ..train import TrainConfig, train
from .detection_data import ASKED, NAMES, Prompter, Scenes, box_prompt, grounding_prompt, shots_of

KINDS = ("boxes", "grounding", "permuted")


class Batch(NamedTuple):
    """Patches (B, R, W), true boxes (B, K, 4), present (B, K), phrase (B, K): which of its prompt describes an object, -1
    for none; and a prompt per scene."""

    patches: Tensor
    boxes: Tensor
    present: Tensor
    phrase: Tensor
    prompts: list[list[dict]]


@dataclass(frozen=True)
class Detection:
    """One configuration. boxes, grounding: training scenes; test: scenes of each task; steps, batch, lr: of pre-training;
    phrases: of a training prompt; tune_steps, tune_lr: of fine-tuning on a few shots; width, layers: of the detector."""

    boxes: int = 1_500
    grounding: int = 2_000
    test: int = 100
    steps: int = 240
    batch: int = 16
    lr: float = 4e-3
    phrases: int = 6
    tune_steps: int = 40
    tune_lr: float = 3e-3
    width: int = 64
    layers: int = 1
    backbone: str = "scenes-clip"

    @cached_property
    def clip(self):
        """The frozen towers."""
        return load(self.backbone)

    @cached_property
    def prompt(self) -> Prompter:
        return Prompter(self.clip)

    @cached_property
    def box_set(self) -> Scenes:
        return Scenes(self.clip, BOXES, BOX_SEED, range(self.boxes))

    @cached_property
    def grounding_set(self) -> Scenes:
        return Scenes(self.clip, GROUNDING, GROUNDING_SEED, range(self.grounding))

    @cached_property
    def _seen(self) -> dict[tuple, Scenes | Batch]:
        return {}

    def test_set(self, task: str) -> Scenes:
        """The test scenes of one of `TASKS`, or of "taught": the box data's own names."""
        if (task,) not in self._seen:
            self._seen[task,] = Scenes(self.clip, ASKED[task][0], TEST_SEED, range(self.test))
        return self._seen[task,]

    def batch_at(self, step: int, seed: int, kind: str) -> Batch:
        """A training batch of "boxes", "grounding" or "permuted" grounding, whose phrases go to the wrong boxes of their
        scene. Raises ValueError for another kind."""
        if kind not in KINDS:
            raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(KINDS)}")
        rng = random.Random(f"{seed}.{step}.{'boxes' if kind == 'boxes' else 'grounding'}")
        data = self.box_set if kind == "boxes" else self.grounding_set
        rows = [rng.randrange(len(data)) for _ in range(self.batch)]
        if kind == "boxes":
            prompts = [box_prompt(data.graphs[row].objects, self.phrases, rng) for row in rows]
        else:
            prompts = [grounding_prompt(row, data.graphs, self.phrases, rng) for row in rows]
        phrase = data.named(rows, prompts)
        if kind == "permuted":
            for b, row in enumerate(rows):
                real = data.present[row].nonzero()[:, 0]
                phrase[b, real] = phrase[b, real.roll(1 + rng.randrange(len(real) - 1))]
        return Batch(data.patches[rows], data.boxes[rows], data.present[rows], phrase, prompts)

    def support(self, task: str, shots: int, draw: int) -> Batch:
        """The first scenes of the task that hold a class still short of `shots` objects (see `shots_of`)."""
        key = task, shots, draw
        if key not in self._seen:
            world, classes = TASKS[task]
            seed = SHOT_SEED + 100 * draw
            data = Scenes(self.clip, world, seed, shots_of(world, seed, classes, shots))
            prompts = [classes] * len(data)
            phrase = data.named(range(len(data)), prompts)
            self._seen[key] = Batch(data.patches, data.boxes, data.present, phrase, prompts)
        return self._seen[key]

    def detector(self, seed: int, fusion: bool = True, closed: bool = False) -> GroundedDetector:
        """Fresh weights; the same seed gives the same trunk. closed: sixteen fixed classes in place of a prompt."""
        c = self.clip.config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return GroundedDetector(
                c.width, c.text_width, d=self.width, layers=self.layers, fusion=fusion, classes=len(NAMES) if closed else None
            )  # fmt: skip

    def asked(self, net: GroundedDetector, patches: Tensor, prompts: list[list[dict]]) -> tuple[tuple, Tensor]:
        """What the detector reads (patches, words, valid), and the owner (B, M) of each word. A closed detector reads no
        prompt; each of its classes owns one "word"."""
        if net.classes is None:
            words, owner, valid = self.prompt(prompts)
        else:
            owner = torch.arange(len(net.classes)).expand(len(patches), -1)
            words, valid = None, torch.ones_like(owner, dtype=torch.bool)
        return (patches, words, valid), owner

    def example(self, net: GroundedDetector, batch: Batch) -> tuple:
        """One step for `train`: what the detector reads, and what `detection_loss` compares its answer with."""
        inputs, owner = self.asked(net, batch.patches, batch.prompts)
        region = assign(batch.boxes, batch.present, net.centres.cpu())
        truth = {"truth": batch.boxes, "region": region, "phrase": batch.phrase, "owner": owner, "valid": inputs[2]}
        return *inputs, {name: x.to(net.centres.device) for name, x in truth.items()}

    def pretrain(self, net: GroundedDetector, seed: int, kinds: tuple[str, ...], device="cpu") -> GroundedDetector:
        """Train on batches of these kinds in turn; a closed detector learns the box data's sixteen names."""

        def batches(step: int) -> Batch:
            batch = self.batch_at(step, seed, kinds[step % len(kinds)])
            if net.classes is None:
                return batch
            pairs = zip(batch.prompts, batch.phrase.tolist(), strict=True)
            return batch._replace(phrase=torch.tensor([[NAMES.index(p[i]) if i >= 0 else -1 for i in row] for p, row in pairs]))

        config = TrainConfig(self.steps, self.batch, self.lr, weight_decay=0.01, seed=seed)
        return self._fit(net, batches, config, device)

    def tune(self, net: GroundedDetector, task: str, shots: int, seed: int, device="cpu") -> GroundedDetector:
        """A copy, fine-tuned whole on a few labelled scenes; a closed detector gets new class vectors first."""
        net, support = copy.deepcopy(net), self.support(task, shots, seed)
        if net.classes is not None:
            generator = torch.Generator().manual_seed(seed)
            net.classes = nn.Parameter(torch.randn(len(TASKS[task][1]), self.width, generator=generator))

        def batches(step: int) -> Batch:
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randperm(len(support.patches), generator=generator)[: self.batch]
            return Batch(*(x[rows] for x in support[:4]), support.prompts[: len(rows)])

        config = TrainConfig(self.tune_steps, self.batch, self.tune_lr, weight_decay=0.01, seed=seed)
        return self._fit(net, batches, config, device)

    def _fit(self, net: GroundedDetector, batches: Callable[[int], Batch], config: TrainConfig, device) -> GroundedDetector:
        train(net, lambda step: self.example(net, batches(step)), detection_loss, config, str(device), progress=False)
        return net.eval()

    @torch.no_grad()
    def detect(self, net: GroundedDetector, data: Scenes, classes: list[dict], chunk: int = 100) -> list[dict]:
        """Per image boxes, scores and labels after suppression within each class, at most 20 of each."""
        net.eval()
        out = []
        for patches in data.patches.split(chunk):
            inputs, owner = self.asked(net, patches, [classes] * len(patches))
            said = net(*(x if x is None else x.to(net.centres.device) for x in inputs))
            out += detections(phrase_scores(said["logits"].cpu(), owner, len(classes)), said["boxes"].cpu())
        return out

    def ap50(self, net: GroundedDetector, task: str, classes: list[dict] | None = None, said: list[dict] | None = None) -> float:
        """Mean AP at IoU 0.5 over the classes of a task (see `test_set`). classes: the same ones in another order, to test
        for that. said: what the prompt says in place of each, to break it."""
        data, classes = self.test_set(task), classes or ASKED[task][1]
        name = data.named(range(len(data)), [classes] * len(data))
        truths = [{"boxes": b[n >= 0], "labels": n[n >= 0]} for b, n in zip(data.boxes, name, strict=True)]
        values = average_precision(self.detect(net, data, said or classes), truths, len(classes))
        return sum(values) / len(values)

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"tasks": {name: [words_of(c) for c in classes] for name, (_, classes) in TASKS.items()}}
