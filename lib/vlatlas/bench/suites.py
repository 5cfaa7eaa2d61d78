"""What is measured. Each suite returns ratios; none of them asserts anything."""

import resource
import subprocess
import sys
import time

import torch

from ..models.flops import ideal_speedup
from .harness import Ratio, ratios, take_turns


def patch_dropout() -> list[Ratio]:
    """The image tower's forward and backward pass with patches dropped, ours and open_clip's; 64 tokens, width 192,
    depth 12, 128 images. One thread and its CPU seconds: what another process takes away does not blur the ratio."""
    import open_clip.transformer

    from ..models import VisionTransformer

    images, threads = torch.rand(128, 3, 64, 64), torch.get_num_threads()
    torch.set_num_threads(1)

    def step(tower):
        def run():
            tower.zero_grad(set_to_none=True)
            out = tower(images)
            (out[0] if isinstance(out, tuple) else out).square().sum().backward()

        return run

    def theirs(m: float):
        return open_clip.transformer.VisionTransformer(
            image_size=64, patch_size=8, width=192, layers=12, heads=3, mlp_ratio=4.0, output_dim=64, patch_dropout=m
        ).train()

    out = []
    for label, make in (
        ("ours", lambda m: VisionTransformer(64, 8, 192, 12, 3, 64, patch_dropout=m).train()),
        ("open_clip", theirs),
    ):
        arms = {f"{label} mask {m:.0%}": step(make(m)) for m in (0.0, 0.5, 0.75)}
        times = take_turns(arms, laps=11, warm_up=1, clock=time.process_time)
        notes = {f"{label} mask {m:.0%}": f"ideal {ideal_speedup(64, 192, 12, m):.2f}x by FLOPs" for m in (0.5, 0.75)}
        out += ratios(times, f"{label} mask 0%", notes)
    torch.set_num_threads(threads)
    return out


_LOSS = """
import sys, resource, torch
kind, side, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
if side == "open_clip":
    from open_clip.loss import ClipLoss, SigLipLoss
    loss = {"clip": ClipLoss, "siglip": SigLipLoss}[kind]()
else:
    from vlatlas.losses import ClipLoss, SigLipLoss
    loss = {"clip": ClipLoss, "siglip": SigLipLoss}[kind](tile=None if side == "whole" else 512)
torch.manual_seed(0)
u, v = (torch.nn.functional.normalize(torch.randn(n, 512), dim=1).requires_grad_() for _ in range(2))
s, b = torch.tensor(14.0, requires_grad=True), torch.tensor(-10.0, requires_grad=True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import time
laps = []
for lap in range(4):
    began = time.perf_counter()
    (loss(u, v, s, b) if kind == "siglip" else loss(u, v, s)).backward()
    laps.append(time.perf_counter() - began)
print(min(laps[1:]), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def losses(sizes: tuple[int, ...] = (1024, 4096, 8192)) -> list[Ratio]:
    """Forward and backward pass of both losses (D = 512, float32): ours whole and in blocks against open_clip's. Each in
    its own process, so that its peak memory is its own."""
    out = []
    for kind in ("clip", "siglip"):
        for n in sizes:
            seconds, memory = {}, {}
            for _ in range(3):
                for side in ("open_clip", "whole", "tiled"):
                    done = subprocess.run(
                        [sys.executable, "-c", _LOSS, kind, side, str(n)], capture_output=True, text=True, check=True
                    )
                    a, b = map(float, done.stdout.split())
                    seconds.setdefault(f"{kind} {side} N={n}", []).append(a)
                    memory.setdefault(f"{kind} {side} N={n}", []).append(b)
            notes = {k: f"extra memory {min(m):.0f} MB" for k, m in memory.items()}
            base = f"{kind} open_clip N={n}"
            out += [
                Ratio(**r.as_dict() | {"note": f"{r.note}, open_clip {min(memory[base]):.0f} MB"})
                for r in ratios(seconds, base, notes)
            ]
    return out


def startup() -> list[Ratio]:
    """Imports and the commands that should answer at once, each in a fresh process, against `import torch`."""

    def process(*arguments: str):
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    times = take_turns(
        {
            "import torch": process("-c", "import torch"),
            "import vlatlas.losses": process("-c", "import torch, vlatlas.losses; vlatlas.losses.ClipLoss"),
            "import open_clip": process("-c", "import open_clip"),
            "vlatlas list": process("-m", "vlatlas.cli", "list"),
        },
        laps=5,
        warm_up=1,
    )
    return ratios(times, "import torch")


def render() -> list[Ratio]:
    """Scenes a second, with captions and masks, against a training step's appetite (a ViT of width 96 at 32 px)."""
    from ..data.scenes import World
    from ..models import VisionTransformer

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
    from ..data.scenes import World
    from ..data.stream import Pool
    from ..losses import ClipLoss
    from ..protocols.pretraining import Pretraining
    from ..train import make_optimizer

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


SUITES = {"patch_dropout": patch_dropout, "losses": losses, "startup": startup, "render": render, "loader": loader}


def machine() -> dict:
    """What the figures were measured on."""
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "python": sys.version.split()[0],
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
