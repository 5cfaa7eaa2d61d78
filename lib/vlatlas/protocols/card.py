"""How a trained model becomes a checkpoint of the package, with its card; variants of scenes-clip in half precision."""

import json
from pathlib import Path

import torch
from torch import nn

from ..data.scenes import World
from ..data.scenes.world import DATA_VERSION
from ..models import save_checkpoint
from ..models.zoo import shipped
from ..train import TrainConfig


def round_to_half(model: nn.Module) -> nn.Module:
    """The model in evaluation mode, its weights rounded in place as they ship, so that its card measures what ships."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half())
    return model.eval()


def ship(
    model: nn.Module,
    folder: Path,
    name: str,
    command: str,
    world: World,
    pool: tuple[int, int],
    config: TrainConfig,
    metrics: dict[str, float],
    starts_from: str | None = "scenes-clip",
) -> dict:
    """Write `folder/name.safetensors` and its card `folder/name.json`; returns the card. The model stays in float32; the
    weights of one that starts from another are written as float16.

    Args:
        command: what trains it again. world, pool: of the training scenes, pool being (how many, seed). starts_from: the
            shipped checkpoint that training started from; None for fresh weights, which are kept in float32.
    """
    card = {
        "name": name,
        "data": f"scenes, data version {DATA_VERSION}, {pool[0]} scenes, seed {pool[1]}, digest {world.digest()[:16]}",
        "world": {k: str(v) for k, v in world.config().items()},
        "seed": config.seed,
        "steps": config.steps,
        "pairs": config.steps * config.batch_size,
        "batch_size": config.batch_size,
        "lr": config.lr,
        **({"starts_from": f"{starts_from}, sha256 {shipped()[starts_from]['sha256'][:16]}"} if starts_from else {}),
        "metrics": metrics,
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "command": command,
        "licence": "MIT",
    }
    folder.mkdir(parents=True, exist_ok=True)
    card["sha256"] = save_checkpoint(folder / f"{name}.safetensors", model.half() if starts_from else model, card)
    model.float()
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card
