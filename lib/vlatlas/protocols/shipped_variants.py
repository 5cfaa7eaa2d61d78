"""Variants of scenes-clip that come with the package, and the command that trains them.

    python -m vlatlas.protocols.shipped_variants scenes-clip-deep

scenes-clip-deep: an image tower of eight narrow layers with a class token, trained on the same world against the text tower
of scenes-clip, which stays as it is. For papers on what happens inside a tower: in four layers "the last four" is no statement.

scenes-clip-pairs: scenes-clip, trained on in a world of one or two objects whose captions name a relation between the two.
For papers on relations: scenes-clip itself has never seen two objects, nor the words.

Both ship in half precision. Interrupted training resumes from `_build/pretrain/NAME.safetensors`.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from ..data.stream import Pool
from ..evals import accuracy, class_embeddings, encode_images, predict
from ..losses.multi_positive import MultiPositiveClipLoss
from ..models import CLIP, ClipConfig, load
from ..models.zoo import CHECKPOINTS
from ..train import TrainConfig, train
from .card import round_to_half, ship
from .shipped import ATTRIBUTES, SIZES, WORLD

DEEP = SIZES | dict(width=64, depth=8, heads=4, pool="cls")
POOL = 20_000
WORLDS = {"scenes-clip-deep": WORLD, "scenes-clip-pairs": WORLD(objects=(1, 2))}
TRAIN = {
    "scenes-clip-deep": TrainConfig(steps=1_500, batch_size=64, lr=2e-3, seed=0),
    "scenes-clip-pairs": TrainConfig(steps=500, batch_size=64, lr=5e-4, seed=0),
}


def start(name: str, seed: int = 0) -> CLIP:
    """The towers that training begins with."""
    given = load("scenes-clip")
    if name == "scenes-clip-pairs":
        return given
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(ClipConfig(words=given.config.words, image_size=WORLD.resolution, **DEEP))
    model.text, model.logit_scale = given.text, given.logit_scale
    model.text.requires_grad_(False)
    return model


@torch.no_grad()
def measure(model: CLIP) -> dict[str, float]:
    """Zero-shot accuracy on single objects of seen and of novel combinations."""
    out, seen, novel = {}, WORLD.batch(11, range(2000)), WORLD(split="novel").batch(12, range(1000))
    u, u_novel = encode_images(model, seen.images), encode_images(model, novel.images)
    for a in ATTRIBUTES:
        w = class_embeddings(model, [WORLD.prompts(**{a: v}) for v in WORLD.classes(a)])
        out[f"zero_shot_{a}"] = round(accuracy(predict(u, w), seen.labels[a][:, 0]), 4)
        out[f"zero_shot_{a}_novel"] = round(accuracy(predict(u_novel, w), novel.labels[a][:, 0]), 4)
    return out


def main(arguments: list[str] | None = None) -> None:
    """Train one variant and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.shipped_variants", description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=sorted(WORLDS))
    parser.add_argument("--out", type=Path, default=CHECKPOINTS)
    parser.add_argument("--work", type=Path, default=Path("_build/pretrain"))
    parser.add_argument("--steps", type=int, help="other than the recipe's")
    parser.add_argument("--pool", type=int, default=POOL)
    given = parser.parse_args(arguments)
    world, config = WORLDS[given.name], TRAIN[given.name]
    config = replace(config, steps=given.steps or config.steps)
    model = start(given.name, config.seed)
    batches = Pool(world, given.pool, model.tokenizer).batches(config.batch_size, config.seed)
    file = given.work / f"{given.name}.safetensors"
    train(model, batches, MultiPositiveClipLoss(), config, checkpoint=file, checkpoint_every=100, label=given.name)
    round_to_half(model.cpu())
    command = f"python -m vlatlas.protocols.shipped_variants {given.name}"
    card = ship(model, given.out, given.name, command, world, (given.pool, 0), config, measure(model))
    print(json.dumps(card["metrics"], indent=2))


if __name__ == "__main__":
    main()
