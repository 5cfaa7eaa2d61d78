"""The `video` protocol: CLIP made to recognise videos, on classes that a still tells and on motions that only order tells.

*Appearance*: a class is a texture and a shape ("striped star"), 24 in all; things of that kind move, grow or vanish in frames
that were compressed hard. Half of the classes are *base*, of which a few videos are labelled, the other half *new*; each shape
and each texture is in both. *Order*: four motions in two opposite pairs whose frames are the same, read in two directions; every
test clip is there forwards and backwards. All arms of a seed share videos, their order, and steps; learning rates were
chosen from one grid by accuracy on validation videos of the base classes, on other seeds. Papers: vifi-clip.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property

import torch
from torch import Tensor

from ..data.narrated import TOPICS, WORLD, render
from ..data.scenes.degrade import degrade
from ..data.scenes.video import clips
from ..data.splits.video import BASE as MOTIONS
from ..evals import accuracy
from ..methods.frame_transformer import FrameTransformer
from ..methods.last_layers import LastLayers, enter_last_layers
from ..methods.vifi_clip import ViFiClip, class_loss
from ..models import load
from ..train import TrainConfig, train
from .few_shot import harmonic

TRAIN_SEED, VALIDATION_SEED, TEST_SEED = 7_000, 8_000, 9_000  # of scenes; a run's seed is added to the first
WORDS = ("left", "right", "larger", "smaller")  # for `MOTIONS`, out of the words that scenes-clip has
BASE = tuple(
    k for k, (shape, texture) in enumerate(TOPICS) if (WORLD.shapes.index(shape) + WORLD.textures.index(texture)) % 2 == 0
)
NEW = tuple(k for k in range(len(TOPICS)) if k not in BASE)
ARMS = {  # which parts learn: image tower, text tower, a transformer over frames
    "text": (False, True, False),
    "image": (True, False, False),
    "both": (True, True, False),
    "frozen_temporal": (False, False, True),
    "tuned_temporal": (True, True, True),
}
GRID = (3e-4, 1e-3, 3e-3, 1e-2)
RATES = {  # chosen on seeds 10 and 11 from `GRID`
    "appearance": {"text": 1e-3, "image": 1e-3, "both": 1e-3, "frozen_temporal": 1e-3, "tuned_temporal": 1e-3},
    "order": {"both": 1e-2, "frozen_temporal": 3e-3},
}


@dataclass(frozen=True)
class Clips:
    """n clips. tokens: (n, F, P, W), what enters the blocks that may learn; features: (n, F, D), the frames as the untouched
    tower sees them; labels: (n,), into `TOPICS` or `MOTIONS`."""

    tokens: Tensor
    features: Tensor
    labels: Tensor

    def __getitem__(self, rows: Tensor) -> "Clips":
        return Clips(self.tokens[rows], self.features[rows], self.labels[rows])

    def shuffled(self, seed: int) -> "Clips":
        """The same frames of every clip in another order."""
        order = torch.rand(self.features.shape[:2], generator=torch.Generator().manual_seed(seed)).argsort(dim=1)
        rows = torch.arange(len(order))[:, None]
        return Clips(self.tokens[rows, order], self.features[rows, order], self.labels)


@dataclass(frozen=True)
class Video:
    """One configuration. shots: labelled videos of a base class; test, validation: of a class; order_train, order_test: clips
    of the order task, the latter before each is reversed; frames: of a clip; blocks: of the image tower that may learn;
    severity: of the compression; steps, order_steps: of training on each task; batch_size: clips a step."""

    shots: int = 16
    test: int = 30
    validation: int = 10
    order_train: int = 256
    order_test: int = 200
    frames: int = 4
    blocks: int = 1
    severity: float = 0.3
    steps: int = 120
    order_steps: int = 160
    batch_size: int = 16
    backbone: str = "scenes-clip"
    device: str = "cpu"

    @cached_property
    def clip(self):
        """Where every arm starts."""
        return load(self.backbone).eval().to(self.device)

    def damage(self, frames: Tensor) -> Tensor:
        """Frames (n, F, 3, H, W) as hard compression leaves them."""
        return degrade(frames.flatten(0, 1), "blocks", self.severity, None).unflatten(0, frames.shape[:2])

    def enter(self, frames: Tensor, labels: Tensor) -> Clips:
        """Clips, for frames (n, F, 3, H, W)."""
        tokens = enter_last_layers(self.clip, frames.flatten(0, 1), self.blocks)
        with torch.no_grad():
            last = LastLayers(self.clip, self.blocks)
            features = torch.cat([last.encode_image(x.to(self.device)).cpu() for x in tokens.split(256)])
        return Clips(tokens.unflatten(0, frames.shape[:2]), features.unflatten(0, frames.shape[:2]), labels)

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def appearance(self, seed: int, each: int, base_only: bool = False) -> Clips:
        """`each` clips of every class, or of every base class."""
        topics = BASE if base_only else range(len(TOPICS))
        frames = torch.cat([self.damage(render(k, seed, each, self.frames)[0]) for k in topics])
        return self.enter(frames, torch.tensor(topics).repeat_interleave(each))

    @cache  # noqa: B019
    def order(self, seed: int, size: int, reverse: bool = False) -> Clips:
        """Clips of `MOTIONS`; with `reverse`, each a second time backwards, under the opposite label."""
        clip = clips(WORLD.batch(seed, range(size)), self.frames, MOTIONS)
        frames, labels = self.damage(clip.frames), torch.tensor([MOTIONS.index(v) for (v,) in clip.verbs])
        if reverse:
            frames, labels = torch.cat([frames, frames.flip(1)]), torch.cat([labels, labels ^ 1])
        return self.enter(frames, labels)

    def train_set(self, task: str, seed: int) -> Clips:
        """Labelled clips of a seed. task: "appearance" or "order".

        Raises:
            ValueError: another task.
        """
        if task not in RATES:
            raise ValueError(f"task {task!r} is unknown; use one of {', '.join(RATES)}")
        if task == "appearance":
            return self.appearance(TRAIN_SEED + seed, self.shots, base_only=True)
        return self.order(TRAIN_SEED + seed, self.order_train)

    def ids(self, task: str, classes: tuple[int, ...] | None = None) -> Tensor:
        """One text for each class, (C, T)."""
        if task == "order":
            return self.clip.tokenizer([f"there is a picture of an object {w}." for w in WORDS])
        named = [TOPICS[k] for k in (range(len(TOPICS)) if classes is None else classes)]
        return self.clip.tokenizer([WORLD.prompts(template=3, shape=s, texture=t)[0] for s, t in named])

    def model(self, arm: str, seed: int) -> ViFiClip:
        """An arm of `ARMS` at its start; "zero" is CLIP, of which nothing learns but the scale.

        Raises:
            ValueError: another arm.
        """
        if arm != "zero" and arm not in ARMS:
            raise ValueError(f"arm {arm!r} is unknown; use zero, {', '.join(ARMS)}")
        image, text, temporal = ARMS.get(arm, (False, False, False))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = FrameTransformer(self.clip.config.embed_dim, self.frames) if temporal else None
        return ViFiClip(self.clip, self.blocks, image, text, module).to(self.device).eval()

    def fit(self, task: str, arm: str, seed: int, lr: float | None = None, still: bool = False, renamed: bool = False):
        """An arm, trained. still: on one frame of each clip. renamed: every class goes by the name of another one."""
        data, model = self.train_set(task, seed), self.model(arm, seed)
        numbers = BASE if task == "appearance" else tuple(range(len(MOTIONS)))
        labels = torch.tensor([numbers.index(k) for k in data.labels.tolist()])
        ids = self.ids(task, BASE)
        if renamed:
            ids = ids.roll(1 + seed % (len(ids) - 1), dims=0)
        inputs = data.tokens if model.image else data.features
        if still:
            inputs = inputs[:, self.frames // 2 :][:, :1]
        per_epoch = len(labels) // self.batch_size

        def batches(step: int):
            epoch, place = divmod(step, per_epoch)
            order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            rows = order[place * self.batch_size : (place + 1) * self.batch_size]
            return inputs[rows], ids, {"labels": labels[rows]}

        train(model, batches, class_loss, self.schedule(task, arm, seed, lr), self.device, label=f"{task}, {arm}")
        return model.eval()

    def schedule(self, task: str, arm: str, seed: int, lr: float | None = None) -> TrainConfig:
        """The training configuration: one for all arms but for the learning rate."""
        steps = self.steps if task == "appearance" else self.order_steps
        return replace(TrainConfig(steps, self.batch_size, weight_decay=0.01, seed=seed), lr=lr or RATES[task][arm])

    @torch.no_grad()
    def embed(self, model: ViFiClip, data: Clips) -> Tensor:
        """Unit video features (n, D)."""
        inputs = data.tokens if model.image else data.features
        return torch.cat([model.encode_video(x.to(self.device), normalize=True).cpu() for x in inputs.split(64)])

    @torch.no_grad()
    def classify(self, model: ViFiClip, data: Clips, classes: tuple[int, ...]) -> float:
        """Accuracy among appearance `classes`, on the clips of these."""
        rows = torch.isin(data.labels, torch.tensor(classes))
        w = model.encode_classes(self.ids("appearance", classes).to(self.device)).cpu()
        u = self.embed(model, data[rows])
        return accuracy(torch.tensor(classes)[(u @ w.T).argmax(dim=1)], data.labels[rows])

    def validate(self, task: str, model: ViFiClip) -> float:
        """What a learning rate is chosen by: accuracy on validation clips of the base classes, or on motions."""
        if task == "appearance":
            return self.classify(model, self.appearance(VALIDATION_SEED, self.validation, base_only=True), BASE)
        return self.motions(model, self.order(VALIDATION_SEED, self.order_test, reverse=True))["motion"]

    def measure(self, model: ViFiClip) -> dict[str, float]:
        """Appearance: accuracy on test clips of "base" and of "new" classes, each among its own, their harmonic mean "hm", and
        "scatter" of the new classes' videos."""
        data = self.appearance(TEST_SEED, self.test)
        out = {"base": self.classify(model, data, BASE), "new": self.classify(model, data, NEW)}
        new = data[torch.isin(data.labels, torch.tensor(NEW))]
        return out | {"hm": harmonic(out["base"], out["new"]), "scatter": scatter(self.embed(model, new), new.labels)}

    @torch.no_grad()
    def motions(self, model: ViFiClip, data: Clips | None = None) -> dict[str, float]:
        """Order: "motion", accuracy among the four; "direction", among a motion and its opposite; "axis", whether the best of the
        four is the motion or its opposite. Chance: 1/4, 1/2, 1/2."""
        data = self.order(TEST_SEED, self.order_test, reverse=True) if data is None else data
        w = model.encode_classes(self.ids("order").to(self.device)).cpu()
        logits, y = self.embed(model, data) @ w.T, data.labels  # (n, 4)
        best = logits.argmax(dim=1)
        own, opposite = logits.gather(1, y[:, None]), logits.gather(1, (y ^ 1)[:, None])
        return {
            "motion": accuracy(best, y),
            "direction": ((own > opposite).double() + 0.5 * (own == opposite)).mean().item(),
            "axis": accuracy(best // 2, y // 2),
        }

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"rates": RATES}


def scatter(u: Tensor, labels: Tensor) -> float:
    """Variance between the classes over variance within them, of features (n, D): how separable they are."""
    total, between = u.mean(dim=0), 0.0
    within = 0.0
    for c in labels.unique():
        part = u[labels == c]
        centre = part.mean(dim=0)
        between += len(part) * (centre - total).square().sum().item()
        within += (part - centre).square().sum().item()
    return between / within
