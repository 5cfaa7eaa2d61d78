"""The `dense` protocol: which name belongs to which pixel, for a CLIP that never saw a mask.

Scenes of one to four objects at 64 px with exact masks (`data.splits.dense`): 24 names, six shapes in four colours, on four
backgrounds. Classes are given by words, through four prompt templates. The backbones are class-token CLIPs trained on
captions (`dense_clip`), one per seed; all methods of the table read the same frozen weights on the same test scenes, at
the same resolution, without sliding windows or clean-up, and no threshold is tuned. Background is not judged, as in
PASCAL VOC without its background class. Two fixed points frame the table: the plain patch tokens of the unmodified last
block (floor), and a linear classifier on the tokens that enter that block, trained with masks (ceiling). Papers: maskclip,
sclip.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.scenes.degrade import degrade
from ..data.scenes.rng import Draw
from ..data.splits import dense as split
from ..evals import class_embeddings
from ..evals.segmentation import confusion, map_auroc, mean_iou, present_accuracy
from ..methods.last_block import LastBlock, enter_many
from ..methods.maskclip import grid, pixel_loss, upsample
from ..models import CLIP, load, shipped
from ..train import TrainConfig, train
from .dense_clip import WORK, name, start

TRAIN_SEED = 6_200_000  # of scenes to train heads on
NOVEL_SHAPES = ("star", "heart")  # their eight names have no masks where a method is tuned on the others
KINDS, SEVERITIES = ("blur", "noise", "contrast"), (0.15, 0.4)


@dataclass(frozen=True)
class Scenes:
    """images (B, 3, 64, 64); truth (B, 64, 64) long, the name at each pixel, -1 on the background."""

    images: Tensor
    truth: Tensor

    def patches(self, side: int = 8, least: float = 0.5) -> Tensor:
        """(B, side^2) long: the name that covers at least this share of a patch, else -1."""
        size = self.truth.shape[-1] // side
        cells = self.truth.unfold(1, size, size).unfold(2, size, size).flatten(3).flatten(1, 2)  # (B, P, size^2)
        share = torch.stack([(cells == c).double().mean(dim=2) for c in range(len(split.NAMES))], dim=-1)
        best = share.max(dim=-1)
        return torch.where(best.values >= least, best.indices, -1)


class Grid(nn.Module):
    """`grid` as a layer."""

    def forward(self, tokens: Tensor) -> Tensor:
        return grid(tokens)


class PixelTask(nn.Module):
    """A map-making network in the form that `train` takes."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"logits": self.network(inputs), "labels": labels, "logit_scale": torch.ones(())}


def _loss(logits: Tensor, labels: Tensor, logit_scale: Tensor) -> Tensor:
    return pixel_loss(logits, labels)


@dataclass(frozen=True)
class Dense:
    """One configuration. test: scenes; labelled: scenes with masks, for ceilings; unlabelled: scenes without, for students."""

    test: int = split.TEST_SIZE
    labelled: int = 400
    unlabelled: int = 800
    worse: int = 200  # test scenes that are also degraded
    part: str = "test"  # or "threshold", the scenes that calibration looks at
    student_steps: int = 200
    tuning_steps: int = 60
    linear_steps: int = 300
    linear_lr: float = 3e-2
    student_lr: float = 3e-3
    tuning_lr: float = 1e-4
    batch: int = 32
    tuning_batch: int = 16

    def clip(self, seed: int) -> CLIP:
        """The backbone of a seed. Raises ValueError, with the command that trains it, where it is not there."""
        if name(seed) in shipped():
            return load(name(seed)).float()
        file = Path(WORK) / f"{name(seed)}.safetensors"
        if not file.is_file():
            raise ValueError(f"no {name(seed)}: train it with `python -m vlatlas.protocols.dense_clip {seed}`, or use 0, 1, 2")
        return load(str(file)).float()

    @staticmethod
    def untrained(seed: int) -> CLIP:
        """A tower of the same shape with weights as drawn."""
        model = start(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return CLIP(model.config).eval()

    @cached_property
    def scenes(self) -> Scenes:
        """What methods are tested on."""
        return self._scenes(split.TEST_SEED if self.part == "test" else split.THRESHOLD_SEED, self.test)

    @cached_property
    def with_masks(self) -> Scenes:
        """Training scenes whose masks may be used."""
        return self._scenes(TRAIN_SEED, self.labelled)

    @cached_property
    def without_masks(self) -> Tensor:
        """Training images (B, 3, 64, 64) whose masks nobody sees."""
        return split.WORLD.batch(TRAIN_SEED, range(self.labelled, self.labelled + self.unlabelled)).images

    @staticmethod
    def _scenes(seed: int, count: int) -> Scenes:
        batch = split.WORLD.batch(seed, range(count))
        return Scenes(batch.images, split.labels(batch))

    def degraded(self, kind: str, severity: float) -> Tensor:
        """The first `worse` test images, made worse."""
        images = self.scenes.images[: self.worse]
        return degrade(images, kind, severity, Draw(split.TEST_SEED + 1, range(len(images))))

    @cached_property
    def novel(self) -> list[int]:
        """Names of `NOVEL_SHAPES`."""
        return [i for i, n in enumerate(split.NAMES) if n.split()[1] in NOVEL_SHAPES]

    @cached_property
    def base(self) -> list[int]:
        """All other names."""
        return [i for i in range(len(split.NAMES)) if i not in self.novel]

    @staticmethod
    def words(model: CLIP) -> Tensor:
        """Class embeddings (24, D) of the names, in the order of `split.NAMES`."""
        return class_embeddings(model, split.WORLD.class_prompts("shape", "colour"))

    @staticmethod
    def wrong_words(classes: Tensor) -> Tensor:
        """The same embeddings, each under a name of another colour and another shape."""
        colours = len(split.WORLD.colours)
        return classes.view(-1, colours, classes.shape[1]).roll((1, 1), dims=(0, 1)).reshape_as(classes)

    @staticmethod
    def maps(patches: Tensor, classes: Tensor) -> Tensor:
        """Cosine of patches (B, P, D) with class embeddings (C, D), as maps (B, C, sqrt P, sqrt P)."""
        return grid(F.normalize(patches, dim=-1) @ classes.T)

    def score(self, maps: Tensor) -> dict[str, float]:
        """Maps (B, C, h, w) of the test scenes, upsampled and judged: "miou" over 24 names, "novel" and "base" over those
        alone, "pixel" accuracy, "colour" and "shape" accuracy, "present" (`present_accuracy`), "auroc" (`map_auroc`)."""
        truth = self.scenes.truth
        full = upsample(maps, truth.shape[-1])
        matrix = confusion(full.argmax(dim=1), truth, len(split.NAMES))
        by = matrix.view(len(split.WORLD.shapes), len(split.WORLD.colours), len(split.WORLD.shapes), len(split.WORLD.colours))
        total = matrix.sum().item()
        return {
            "miou": mean_iou(matrix),
            "novel": mean_iou(matrix, self.novel),
            "base": mean_iou(matrix, self.base),
            "pixel": matrix.diagonal().sum().item() / total,
            "shape": torch.einsum("scsd->", by).item() / total,
            "colour": torch.einsum("sctc->", by).item() / total,
            "present": present_accuracy(full, truth),
            "auroc": map_auroc(full, truth),
        }

    def miou(self, maps: Tensor, names: list[int] | None = None) -> float:
        """mIoU alone, over all names or some; of the first test scenes where there are fewer maps."""
        truth = self.scenes.truth[: len(maps)]
        return mean_iou(confusion(upsample(maps, truth.shape[-1]).argmax(dim=1), truth, len(split.NAMES)), names)

    def present(self, maps: Tensor) -> float:
        """Accuracy among the classes present, alone."""
        return present_accuracy(upsample(maps, self.scenes.truth.shape[-1]), self.scenes.truth)

    def ceiling(self, model: CLIP, test: LastBlock) -> Tensor:
        """Maps (B, 24, 8, 8) of a linear classifier on the tokens that enter the last block, trained with masks."""
        inputs, truth = self.tokens(enter_many(model, self.with_masks.images)), self.with_masks.patches()
        linear = nn.Linear(inputs.shape[2], len(split.NAMES))
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        head = self.fit(nn.Sequential(linear, Grid()), inputs, truth.view(-1, 8, 8), 0, self.linear_steps, self.linear_lr)
        with torch.no_grad():
            return head(self.tokens(test))

    @staticmethod
    def tokens(block: LastBlock) -> Tensor:
        """What the frozen part knows of each patch: tokens that enter the last block, normalised by its LayerNorm, (B, P, W)."""
        return block.normed[:, 1:] if block.class_token else block.normed

    def fit(
        self, network: nn.Module, inputs: Tensor, labels: Tensor, seed: int, steps: int, lr: float, batch: int | None = None
    ) -> nn.Module:
        """Train a network that makes maps (B, C, h, h) on labels (B, h, h) of patches or finer, -1 is no label; the same seed
        gives the same order of scenes."""

        def batches(step: int):
            generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
            rows = torch.randint(len(inputs), (batch or self.batch,), generator=generator)
            return inputs[rows], labels[rows]

        config = TrainConfig(steps, batch or self.batch, lr, weight_decay=0.01, seed=seed)
        with torch.enable_grad():  # also where the caller reads without gradients
            train(PixelTask(network), batches, _loss, config, device="cpu", progress=False)
        return network.eval()

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"names": len(split.NAMES), "data": split.FROZEN[:16], "novel": list(NOVEL_SHAPES)}
