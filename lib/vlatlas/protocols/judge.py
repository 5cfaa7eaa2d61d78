"""The judge of generated pictures that comes with the package, and the command that trains it.

    python -m vlatlas.protocols.judge

A convolutional network that names shape and colour. It shares neither architecture, weights, seed nor text with scenes-clip, has
seen all combinations, six styles and scenes redrawn with strokes, and has seen them noisy, cropped and tilted, so that neither
strokes nor the grain of free pixels are foreign to it. Its test accuracies are in its card.
"""

import argparse
import json
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes.world import DATA_VERSION
from ..data.splits import guidance
from ..methods.random_views import random_views
from ..methods.strokes import render
from ..models.attribute_cnn import AttributeCNN, load_attributes, save_attributes
from ..models.zoo import CHECKPOINTS
from ..train import TrainConfig, train

NAME = "scenes-judge"
FILE = CHECKPOINTS / f"{NAME}.safetensors"
ATTRIBUTES = ("shape", "colour")
POOL, TEST = 8_000, 1_500
TRAIN = TrainConfig(steps=800, batch_size=64, lr=4e-3, weight_decay=0.01, seed=77)


def redrawn(batch, strokes: int, seed: int, canvas: float | None = None) -> Tensor:
    """Images (B, 3, H, W): the object of each scene redrawn with short strokes that start on it and take its colour there,
    on a canvas of one grey (its own for each scene, unless given)."""
    g = torch.Generator().manual_seed(seed)
    images, masks = batch.images, batch.masks[:, 0].flatten(1)
    n, side = len(batch), images.shape[-1]
    at = torch.multinomial(masks.float() + 1e-9, strokes, replacement=True, generator=g)  # (B, K) pixels of the object
    colours = images.flatten(2).gather(2, at[:, None].expand(-1, 3, -1)).transpose(1, 2)  # (B, K, 3)
    opacity = 0.6 + 0.4 * torch.rand(n, strokes, 1, generator=g)
    first = (torch.stack([at % side, at // side], dim=-1) + 0.5) / side
    steps = 0.08 * (torch.rand(n, strokes, 3, 2, generator=g) - 0.5)
    points = torch.cat([first[:, :, None], first[:, :, None] + steps.cumsum(dim=2)], dim=2)
    widths = 0.04 + 0.08 * torch.rand(n, strokes, generator=g)
    drawn = torch.cat([render(*parts, side, 0.0) for parts in _parts(points, widths, torch.cat([colours, opacity], dim=-1))])
    clear = torch.cat([render(*parts, side, 1.0) for parts in _parts(points, widths, torch.cat([0 * colours, opacity], dim=-1))])
    grey = torch.rand(n, 1, 1, 1, generator=g) if canvas is None else torch.tensor(canvas)
    return drawn + clear * grey  # with black strokes on white, what is left is the share of canvas


def _parts(*tensors: Tensor):
    return zip(*(x.split(64) for x in tensors), strict=True)


def worn(images: Tensor, step: int) -> Tensor:
    """Images as an optimiser may leave them: half of them tilted and cropped, half with grain and shifted colours."""
    g = torch.Generator().manual_seed(step)
    n = len(images)
    views = random_views(images, 1, g, canvas=0.6, distortion=0.3, scale=(0.7, 1.0))
    images = torch.where(torch.rand(n, 1, 1, 1, generator=g) < 0.5, views, images)
    strength = 0.25 * torch.rand(n, 1, 1, 1, generator=g) * (torch.rand(n, 1, 1, 1, generator=g) < 0.5)
    return (images + strength * torch.randn(images.shape, generator=g)).clamp(0, 1)


def pool(size: int, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Images (size, 3, 32, 32) and labels: two thirds scenes of six styles, a third of them redrawn with 24 to 80 strokes."""
    batch = guidance.WORLD.batch(seed, range(size))
    images = batch.images.clone()
    third = size // 3
    for k, strokes in enumerate((24, 48, 80)):
        rows = range(k * third // 3, (k + 1) * third // 3)
        images[rows.start : rows.stop] = redrawn(guidance.WORLD(styles=("flat",)).batch(seed, rows), strokes, seed + k)
    return images, {a: batch.labels[a][:, 0] for a in ATTRIBUTES}


class _Loss:
    """Mean cross-entropy over the attributes."""

    def __call__(self, y: dict[str, Tensor], **logits: Tensor) -> Tensor:
        return sum(F.cross_entropy(logits[a], y[a]) for a in logits) / len(logits)


def taught(config: TrainConfig, size: int) -> AttributeCNN:
    """Train the judge."""
    images, labels = pool(size, guidance.JUDGE_SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        judge = AttributeCNN({a: guidance.WORLD.values[a] for a in ATTRIBUTES})

    def batches(step: int):
        rows = torch.randperm(size, generator=torch.Generator().manual_seed(step))[: config.batch_size]
        return worn(images[rows], step), {"y": {a: v[rows] for a, v in labels.items()}}

    train(judge, batches, _Loss(), config, "cpu", label="judge")
    return judge.eval()


def measure(judge: AttributeCNN, size: int = TEST) -> dict[str, float]:
    """Accuracy of both attributes together on fresh scenes of each style, and on flat ones redrawn with 32 strokes."""
    out = {}
    for style in (*guidance.WORLD.styles, "redrawn"):
        batch = guidance.WORLD(styles=("flat" if style == "redrawn" else style,)).batch(guidance.JUDGE_SEED + 1, range(size // 3))
        images = redrawn(batch, 32, 1) if style == "redrawn" else batch.images
        named = judge.name(images)
        right = torch.stack([named[a] == batch.labels[a][:, 0] for a in ATTRIBUTES]).all(dim=0)
        out[style] = round(right.double().mean().item(), 4)
    return out


@cache
def load_judge() -> AttributeCNN:
    """The judge as it ships, in evaluation mode."""
    return load_attributes(FILE)[0]


def main(arguments: list[str] | None = None) -> None:
    """Train the judge and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.judge", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--steps", type=int, default=TRAIN.steps)
    parser.add_argument("--pool", type=int, default=POOL)
    given = parser.parse_args(arguments)
    config = TrainConfig(given.steps, TRAIN.batch_size, TRAIN.lr, weight_decay=TRAIN.weight_decay, seed=TRAIN.seed)
    judge = taught(config, given.pool)
    judge.load_state_dict({k: v.half().float() if v.is_floating_point() else v for k, v in judge.state_dict().items()})
    card = {
        "name": NAME,
        "data": f"scenes, data version {DATA_VERSION}, {given.pool} scenes, seed {guidance.JUDGE_SEED}, a third redrawn",
        "seed": config.seed,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr": config.lr,
        "metrics": measure(judge),
        "parameters": sum(p.numel() for p in judge.parameters()),
        "torch": torch.__version__,
        "command": "python -m vlatlas.protocols.judge",
        "licence": "MIT",
    }
    save_attributes(given.out, judge, card)
    print(json.dumps(card, indent=2))


if __name__ == "__main__":
    main()
