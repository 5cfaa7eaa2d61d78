"""The `dense` protocol: which name belongs to which pixel, for a CLIP that never saw a mask.

Scenes of one to four objects at 64 px with exact masks (`data.splits.dense`): 24 names, six shapes in four colours, on four
backgrounds. Classes are given by words, through four prompt templates. The backbones are class-token CLIPs trained on
captions (`dense_clip`), one per seed; all methods of the table read the same frozen weights on the same test scenes, at
the same resolution, without sliding windows or clean-up, and no threshold is tuned. Background is not judged, as in
PASCAL VOC without its background class. Two fixed points frame the table: the plain patch tokens of the unmodified last
block (floor), and a linear classifier on the tokens that enter that block, trained with masks (ceiling). What is trained
stands in `dense_learnt`, and how its learning rates were chosen in `dense_rates`. Papers: maskclip, sclip.
"""

import hashlib
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes.degrade import degrade
from ..data.scenes.rng import Draw
from ..data.splits import dense as split
from ..evals import class_embeddings
from ..evals.segmentation import confusion, map_auroc, mean_iou, present_accuracy
from ..methods.last_block import LastBlock, at_last_block, enter_many
from ..methods.maskclip import grid, upsample
from ..models import CLIP, load, shipped
from .dense_clip import WORK, name, start

TRAIN_SEED = 6_200_000  # of scenes to train heads on
NOVEL_SHAPES = ("star", "heart")  # their eight names have no masks where a method is tuned on the others
WORSE = {f"{kind} {severity}": (kind, severity) for kind in ("blur", "noise", "contrast") for severity in (0.15, 0.4)}


@dataclass(frozen=True)
class Scenes:
    """images (B, 3, 64, 64); truth (B, 64, 64) long, the name at each pixel, -1 on the background."""

    images: Tensor
    truth: Tensor

    def patches(self, side: int = 8, least: float = 0.5) -> Tensor:
        """(B, side^2) long: the name that covers at least this share of a patch, else -1."""
        size = self.truth.shape[-1] // side
        cells = self.truth.unfold(1, size, size).unfold(2, size, size).flatten(3).flatten(1, 2)  # (B, P, size^2)
        pixels = torch.zeros(*cells.shape[:2], len(split.NAMES) + 1)  # of the background, then of each name
        pixels.scatter_add_(2, cells + 1, torch.ones(1).expand_as(cells))
        best = pixels[..., 1:].max(dim=-1)
        return torch.where(best.values >= least * size**2, best.indices, -1)


@dataclass(frozen=True)
class Dense:
    """One configuration. test: scenes; labelled: scenes with masks, for ceilings; unlabelled: scenes without, for students;
    worse: test scenes that are also degraded; part: "test", or "threshold" for the scenes that calibration looks at. The
    rest: how what is learnt is trained (`dense_learnt`)."""

    test: int = split.TEST_SIZE
    labelled: int = 800
    unlabelled: int = 800
    worse: int = 100
    part: str = "test"
    linear_steps: int = 600
    linear_lr: float = 1.0
    student_steps: int = 120
    student_lr: float = 1e-2
    tuning_steps: int = 60
    tuning_lr: float = 3e-4
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

    @staticmethod
    def _scenes(seed: int, count: int) -> Scenes:
        batch = split.WORLD.batch(seed, range(count))
        return Scenes(batch.images, split.labels(batch))

    def images(self, which: str) -> Tensor:
        """(B, 3, 64, 64): "test", "labelled", "unlabelled" (training images whose masks nobody sees), or a key of `WORSE`, the
        first test images made worse. Raises KeyError for another name."""
        if which in WORSE:
            images = self.scenes.images[: self.worse]
            return degrade(images, *WORSE[which], Draw(split.TEST_SEED + 1, range(len(images))))
        if which == "unlabelled":
            return split.WORLD.batch(TRAIN_SEED, range(self.labelled, self.labelled + self.unlabelled)).images
        return {"test": self.scenes, "labelled": self.with_masks}[which].images

    @cached_property
    def _streams(self) -> dict[tuple[str, str], Tensor]:
        return {}

    def enter(self, model: CLIP, which: str) -> LastBlock:
        """What enters the last block, for the images of that name. The blocks before it are the same for every seed, so what
        passed through them is kept, under a digest of their weights."""
        behind = (f"blocks.{model.config.depth - 1}.", "norm.", "project.")
        before = (w for k, w in model.visual.state_dict().items() if not k.startswith(behind))
        key = (hashlib.sha256(b"".join(w.numpy().tobytes() for w in before)).hexdigest(), which)
        if key not in self._streams:
            self._streams[key] = enter_many(model, self.images(which)).x
        with torch.no_grad():
            return at_last_block(model.visual, self._streams[key])

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

    @staticmethod
    def tokens(block: LastBlock) -> Tensor:
        """What the frozen part knows of each patch: tokens that enter the last block, normalised by its LayerNorm, (B, P, W)."""
        return block.normed[:, 1:] if block.class_token else block.normed

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

    @cached_property
    def chance(self) -> float:
        """Accuracy among the classes present of a guess at random, in the same scenes and weighted by the same pixels."""
        found = [(int((t >= 0).sum()), len(t[t >= 0].unique())) for t in self.scenes.truth]
        found = [(pixels, classes) for pixels, classes in found if classes > 1]
        return sum(pixels / classes for pixels, classes in found) / sum(pixels for pixels, _ in found)

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"names": len(split.NAMES), "data": split.FROZEN[:16], "novel": list(NOVEL_SHAPES)}
