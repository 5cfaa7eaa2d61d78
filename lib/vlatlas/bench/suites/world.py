"""The world's speed: scenes a second, and whether its loader keeps a training step waiting."""

import torch

from ..harness import Ratio, ratios, take_turns


def render() -> list[Ratio]:
    """Scenes a second, with captions and masks, against a training step's appetite (a ViT of width 96 at 32 px)."""
    from ...data.scenes import World
    from ...models import VisionTransformer

    tower = VisionTransformer()
    images = torch.rand(256, 3, 32, 32)
    seeds = iter(range(10_000))

    def scenes(resolution: int):
        world = World(resolution=resolution)

        def run():
            batch = world.batch(next(seeds), range(256))
            _ = batch.images, batch.masks, batch.captions

        return run

    times = take_turns(
        {
            "train 256 images at 32 px": lambda: tower(images).sum().backward(),
            "render 256 scenes at 32 px": scenes(32),
            "render 256 scenes at 64 px": scenes(64),
        }
    )
    notes = {k: f"{256 / sorted(v)[len(v) // 2]:.0f} scenes/s" for k, v in times.items()}
    return ratios(times, "train 256 images at 32 px", notes)


def loader() -> list[Ratio]:
    """A training step fed by the loader against the same step on one fixed batch (protocol `pretraining`, 256 pairs)."""
    from ...data.scenes import World
    from ...data.stream import Pool
    from ...losses import ClipLoss
    from ...protocols.pretraining import Pretraining
    from ...train import make_optimizer

    protocol = Pretraining()
    model, loss = protocol.model(0), ClipLoss()
    optimizer = make_optimizer(model, protocol.schedule(0))
    pool = Pool(World(detail="varied"), 4096, protocol.tokenizer)
    batches, steps = pool.batches(256, with_groups=False), iter(range(10_000))
    fixed = batches(0)

    def step(images, ids, _=None):
        optimizer.zero_grad(set_to_none=True)
        loss(**model(images, ids)).backward()
        optimizer.step()

    times = take_turns({"fixed batch": lambda: step(*fixed), "fed by the loader": lambda: step(*batches(next(steps)))}, 15)
    return ratios(times, "fixed batch")
