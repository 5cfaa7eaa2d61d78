"""The `robustness` protocol: pixels changed by at most a few grey levels of 255, against zero-shot classification of shapes.

The image tower of scenes-clip is frozen. One text tower, the shipped one with more words, learns to read its features under
captions in four wordings, each scene told in one of them only: no text ever says that two wordings mean the same. Attacks
know the tower, and the class embeddings of one wording; the others judge the result. Papers: adversarial-clip.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.stream import Pool
from ..data.wordings import WORDINGS, captions, class_prompts, new_words
from ..evals import class_embeddings, encode_images, predict
from ..losses.multi_positive import MultiPositiveClipLoss
from ..methods.adversarial_clip import pgd, random_signs, towards
from ..methods.lit import LockedImageTuning
from ..methods.on_features import fit_on_features
from ..models import WordTokenizer, load
from ..train import TrainConfig, pick_device, train
from .shipped import WORLD

POOL_SEED, TEST_SEED = 84_000, 85_000
GREY = 1 / 255  # one grey level of an 8-bit picture


@dataclass
class Attacked:
    """Test scenes: images (B, 3, H, W), labels (B,) the shapes' numbers, targets (B,) the wrong shape each is to be taken for."""

    images: Tensor
    labels: Tensor
    targets: Tensor


class CosineHead(nn.Module):
    """Class embeddings that were learnt from labels: logits (B, C) of unit features (B, D), at a fixed scale."""

    def __init__(self, width: int, classes: int, scale: float):
        super().__init__()
        self.weight = nn.Parameter(F.normalize(torch.randn(classes, width), dim=-1))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * features @ F.normalize(self.weight, dim=-1).T


def extended(tower, words: list[str], scale: float, seed: int) -> LockedImageTuning:
    """A text tower that knows more words: the weights of `tower`, and fresh rows of its embedding for the new words.

    Before any training it reads a text of old words exactly as `tower` does.
    """
    c = tower.config
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = WordTokenizer([*c.words, *words], c.context, strict=True)
        out = LockedImageTuning(tokenizer, c.embed_dim, c.text_width, c.text_depth, c.text_heads, scale)
    state = dict(tower.text.state_dict())
    old = state.pop("embed_tokens.weight")
    out.text.load_state_dict(state, strict=False)
    with torch.no_grad():
        out.text.embed_tokens.weight[: len(old)] = old
    return out


def turned(classes: Tensor, seed: int) -> Tensor:
    """Class embeddings (C, D) turned at random about their mean, within the directions in which they differ, and made unit
    again: as far from one another as before, and nobody's."""
    mean = classes.mean(dim=0)
    u, s, v = torch.linalg.svd((classes - mean).double(), full_matrices=False)
    k = int((s > 1e-6 * s[0]).sum())
    q, r = torch.linalg.qr(torch.randn(k, k, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    q = q * r.diagonal().sign()  # uniform among all rotations and reflections
    return F.normalize((u[:, :k] * s[:k]) @ q @ v[:k] + mean, dim=-1).to(classes.dtype)


@dataclass(frozen=True)
class Robustness:
    """One configuration. test: attacked scenes; pool: captioned scenes for the text tower; steps, batch, lr: of its training;
    levels: bounds of the attack in grey levels; level: the one at which heads are compared, the smallest of these at which the
    attack reached four targets in five of the names on seeds 10 and 11; attack_steps: of projected gradient descent."""

    test: int = 120
    pool: int = 3_000
    steps: int = 200
    batch: int = 64
    lr: float = 1e-3
    levels: tuple[int, ...] = (4, 8, 12, 16)
    level: int = 12
    attack_steps: int = 20
    backbone: str = "scenes-clip"
    device: str = "auto"

    @cached_property
    def clip(self):
        """The frozen towers."""
        return load(self.backbone).requires_grad_(False).to(pick_device(self.device))

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def pool_set(self, seed: int) -> tuple[Tensor, Tensor, list[str]]:
        """Unit features (N, D), shapes (N,) and captions of the training scenes, each in one wording."""
        pool = Pool(WORLD, self.pool, self.clip.tokenizer, POOL_SEED + seed)
        which = torch.randint(len(WORDINGS), (self.pool,), generator=torch.Generator().manual_seed(seed)).tolist()
        said = captions(WORLD.batch(POOL_SEED + seed, range(self.pool)), [WORDINGS[k] for k in which])
        return encode_images(self.clip, pool.floats()), pool.labels["shape"][:, 0], said

    @cache  # noqa: B019
    def reader(self, seed: int) -> LockedImageTuning:
        """The text tower that knows all wordings, trained on the pool."""
        features, _, said = self.pool_set(seed)
        model = extended(self.clip, new_words(), self.clip.scale().item(), seed)
        ids = model.tokenizer(said)
        group = torch.unique(ids, dim=0, return_inverse=True)[1]
        per_epoch = len(ids) // self.batch

        def batches(step: int):
            epoch, place = divmod(step, per_epoch)
            order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            rows = order[place * self.batch : (place + 1) * self.batch]
            return features[rows], ids[rows], {"group": group[rows]}

        config = TrainConfig(self.steps, self.batch, self.lr, seed=seed)
        train(model, batches, MultiPositiveClipLoss(), config, "cpu", label=f"reader {seed}")
        return model.eval()

    @cache  # noqa: B019
    def heads(self, seed: int) -> dict[str, Tensor]:
        """wording -> class embeddings (C, D) of the shapes; "labels": a head learnt from labels, which never saw a text."""
        model = self.reader(seed)
        out = {w: class_embeddings(model, class_prompts(w, WORLD.shapes)) for w in WORDINGS}
        features, shapes, _ = self.pool_set(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = CosineHead(features.shape[1], len(WORLD.shapes), self.scale(seed))
        fit_on_features(head, features, shapes, epochs=5, lr=1e-2, seed=seed)
        return out | {"labels": F.normalize(head.weight.detach(), dim=-1)}

    def scale(self, seed: int) -> float:
        """The logit scale of the trained text tower, which all heads share."""
        return self.reader(seed).logit_scale.exp().clamp(max=100.0).item()

    @cache  # noqa: B019
    def test_set(self, seed: int) -> Attacked:
        """Scenes of no training set, and a wrong shape for each, drawn evenly."""
        batch = WORLD.batch(TEST_SEED + seed, range(self.test))
        labels, n = batch.labels["shape"][:, 0], len(WORLD.shapes)
        step = torch.randint(1, n, labels.shape, generator=torch.Generator().manual_seed(seed))
        return Attacked(batch.images, labels, (labels + step) % n)

    def encode(self, images: Tensor) -> Tensor:
        """Unit features (B, D) of images, on the CPU."""
        return encode_images(self.clip, images)

    def attack(
        self, classes: Tensor, seed: int, level: float, steps: int | None = None, restarts: int = 0, first: int | None = None
    ) -> Tensor:
        """The test images, or the first of them, changed by at most `level` grey levels so that a classifier of these class
        embeddings (C, D) takes each for its target. (B, 3, H, W), on the CPU."""
        told, device = self.test_set(seed), next(self.clip.parameters()).device
        images, targets = told.images[:first].to(device), told.targets[:first].to(device)
        loss = towards(self.clip.encode_image, classes.to(device), self.scale(seed), targets)
        generator = torch.Generator().manual_seed(seed)
        return pgd(loss, images, level * GREY, steps or self.attack_steps, restarts, generator).cpu()

    def noise(self, seed: int, level: float) -> Tensor:
        """The test images with random signs of that many grey levels added."""
        return random_signs(self.test_set(seed).images, level * GREY, torch.Generator().manual_seed(seed))

    def judged(self, images: Tensor, seed: int, heads: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """name -> predictions (B,) of every head (those of the seed unless others are given)."""
        u = self.encode(images)
        return {name: predict(u, w) for name, w in (heads or self.heads(seed)).items()}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"wordings": list(WORDINGS), "shapes": list(WORLD.shapes)}


def share(hits: Tensor) -> float:
    """The share of True in (B,) bool."""
    return hits.double().mean().item()


def confidence(encode: Callable[[Tensor], Tensor], images: Tensor, classes: Tensor, scale: float, targets: Tensor) -> float:
    """Mean probability of the target among images whose most probable class is the target; 0 where there is none."""
    p = (scale * encode(images) @ classes.T).softmax(dim=1)
    there = p.argmax(dim=1) == targets
    return p[there, targets[there]].mean().item() if there.any() else 0.0
