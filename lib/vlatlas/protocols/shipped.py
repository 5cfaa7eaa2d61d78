"""The checkpoints that come with the package, and the command that trains them.

    python -m vlatlas.protocols.shipped scenes-clip

Interrupted training resumes from `_build/pretrain/NAME.safetensors`. The result is written beside the other shipped
checkpoints with its card; `--out FOLDER` writes it elsewhere.
"""

import argparse
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.scenes import World
from ..data.stream import Pool
from ..evals import LinearProbe, accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..losses.multi_positive import MultiPositiveClipLoss
from ..models import CLIP, ClipConfig
from ..models.zoo import CHECKPOINTS
from ..train import TrainConfig, train
from .card import ship

# What scenes-clip has seen: three of eight styles, three quarters of the (shape, colour) combinations.
WORLD = World(
    styles=("flat", "shaded", "photo"),
    held_out="combinations",
    detail="varied",
    rotation=10.0,
    fill=(0.6, 0.9),
    spread=0.3,
)
SIZES = dict(patch_size=8, width=128, depth=4, heads=4, text_width=96, text_depth=2, text_heads=3, context=24)
POOL = 100_000
TRAIN = TrainConfig(steps=8_000, batch_size=64, lr=1e-3, seed=0)
ATTRIBUTES = ("shape", "colour", "texture", "size")


class Supervised(nn.Module):
    """The same image tower with a linear head over the (shape, colour) combinations that training shows."""

    def __init__(self, model: CLIP, classes: int):
        super().__init__()
        self.visual = model.visual
        self.head = nn.Linear(model.config.embed_dim, classes)

    def forward(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.visual(images)), "logit_scale": torch.ones(())}


class LabelLoss(nn.Module):
    """Cross-entropy with the label that the stream hands over as `group`."""

    def forward(self, logits: Tensor, logit_scale: Tensor, group: Tensor) -> Tensor:
        return nn.functional.cross_entropy(logits, group)


def fresh(seed: int = 0) -> CLIP:
    """Untrained towers of the shipped size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(ClipConfig(words=tuple(World.vocabulary()), image_size=WORLD.resolution, **SIZES))


def train_clip(folder: Path, config: TrainConfig, pool: Pool) -> CLIP:
    """Image and text tower, contrastively."""
    model = fresh(config.seed)
    batches = pool.batches(config.batch_size, config.seed)
    _train(model, batches, MultiPositiveClipLoss(), config, folder / "scenes-clip.safetensors")
    return model


def train_supervised(folder: Path, config: TrainConfig, pool: Pool) -> CLIP:
    """Image tower alone, from labels; the text tower stays as it was drawn."""
    model = fresh(config.seed)
    combination = pool.labels["shape"][:, 0] * len(WORLD.colours) + pool.labels["colour"][:, 0]
    pool.group = torch.unique(combination, return_inverse=True)[1]
    learner = Supervised(model, int(pool.group.max()) + 1)
    batches = pool.batches(config.batch_size, config.seed)
    _train(learner, batches, LabelLoss(), config, folder / "scenes-supervised.safetensors")
    return model


def _train(model: nn.Module, batches, loss: nn.Module, config: TrainConfig, checkpoint: Path) -> None:
    train(model, batches, loss, config, checkpoint=checkpoint, label=checkpoint.stem)


RECIPES = {"scenes-clip": train_clip, "scenes-supervised": train_supervised}


@torch.no_grad()
def measure(model: CLIP, has_text: bool) -> dict[str, float]:
    """The numbers of the card: zero-shot accuracy on scenes of seen and of novel combinations, retrieval among 1,000
    scenes, and linear probes of this and of an untrained tower (2,000 labelled scenes, tested on 2,000 others)."""
    out = {}
    seen, novel = WORLD.batch(11, range(4000)), WORLD(split="novel").batch(12, range(2000))
    u, u_novel = encode_images(model, seen.images), encode_images(model, novel.images)
    random = encode_images(fresh(1), seen.images)
    for a in ATTRIBUTES:
        y = seen.labels[a][:, 0]
        if has_text:
            w = class_embeddings(model, [WORLD.prompts(**{a: v}) for v in WORLD.classes(a)])
            out[f"zero_shot_{a}"] = accuracy(predict(u, w), y)
            out[f"zero_shot_{a}_novel"] = accuracy(predict(u_novel, w), novel.labels[a][:, 0])
        out[f"probe_{a}"] = LinearProbe(10.0).fit(u[:2000], y[:2000]).accuracy(u[2000:], y[2000:])
        out[f"probe_{a}_untrained"] = LinearProbe(10.0).fit(random[:2000], y[:2000]).accuracy(random[2000:], y[2000:])
    if has_text:
        gallery = WORLD(detail="full", styles=("flat",)).batch(13, range(8000))
        rows = list({c: i for i, c in enumerate(gallery.captions)}.values())[:1000]
        v = encode_texts(model, [gallery.captions[i] for i in rows])
        out |= recall_at_k(encode_images(model, gallery.images[rows]), v, ks=(1, 5))
        out["retrieval_gallery"] = len(rows)
    return {k: round(x, 4) for k, x in out.items()}


def main(arguments: list[str] | None = None) -> None:
    """Train one shipped checkpoint and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.shipped", description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=sorted(RECIPES))
    parser.add_argument("--out", type=Path, default=CHECKPOINTS)
    parser.add_argument("--work", type=Path, default=Path("_build/pretrain"))
    parser.add_argument("--steps", type=int, default=TRAIN.steps)
    parser.add_argument("--pool", type=int, default=POOL)
    given = parser.parse_args(arguments)
    config = TrainConfig(given.steps, TRAIN.batch_size, TRAIN.lr, seed=TRAIN.seed)
    pool = Pool(WORLD, given.pool, fresh().tokenizer)
    model = RECIPES[given.name](given.work, config, pool).eval().cpu()
    card = ship(
        model, given.out, given.name, f"python -m vlatlas.protocols.shipped {given.name}", WORLD, (given.pool, 0), config,
        measure(model, given.name == "scenes-clip"), starts_from=None,
    )  # fmt: skip
    print(json.dumps(card["metrics"], indent=2))


if __name__ == "__main__":
    main()
