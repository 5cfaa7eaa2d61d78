"""Class-token CLIPs for scenes of several objects at 64 px, and the command that trains them.

    python -m vlatlas.protocols.dense_clip 0

*scenes-clip* averages its tokens, so each of them is trained to lie in the shared space. Methods that read dense labels out
of a frozen CLIP answer to another architecture: a class token is all that the loss sees of the last block. This is
scenes-clip's recipe for resolution: its weights, positions interpolated from 4 x 4 to 8 x 8 patches, a fresh class token in
place of the mean, then contrastive training of both towers on scenes of one to four objects with their captions. No mask
is ever seen. The seed sets the class token and the order of the pairs; 0, 1, 2 ship with the package in half precision.
Interrupted training resumes from `_build/pretrain`.
"""

import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.scenes.world import DATA_VERSION
from ..data.splits import dense
from ..data.stream import Pool
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..losses.multi_positive import MultiPositiveClipLoss
from ..models import CLIP, ClipConfig, load, save_checkpoint
from ..models.zoo import CHECKPOINTS, shipped
from ..train import TrainConfig, train

WORLD = dense.WORLD(detail="short")  # captions name colour and shape of every object, and where neighbours stand
POOL, POOL_SEED, CARD_SEED = 16_000, 71, 72
STEPS, BATCH, LR = 600, 64, 5e-4
WORK = Path("_build/pretrain")


def name(seed: int) -> str:
    """What the checkpoint of a seed is called."""
    return f"scenes-clip-cls-{seed}"


def resized(position: Tensor, side: int) -> Tensor:
    """Position embedding (1, P, W) of a square grid, bicubically interpolated to side x side: (1, side^2, W)."""
    old = round(position.shape[1] ** 0.5)
    grid = position.view(1, old, old, -1).permute(0, 3, 1, 2)
    return F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)


def start(seed: int, pool: str = "cls", backbone: str = "scenes-clip") -> CLIP:
    """What training starts from: the backbone at 64 px, its class token (and the text positions it lacks) drawn by seed."""
    old = load(backbone)
    sizes = old.config.as_dict() | {"words": old.config.words, "image_size": WORLD.resolution, "pool": pool, "context": 32}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = CLIP(ClipConfig(**sizes))
        state = old.state_dict()
        state["visual.position"] = resized(state["visual.position"], WORLD.resolution // model.config.patch_size)
        state["text.position"] = torch.cat([state["text.position"], model.text.position[:, old.config.context :]], dim=1)
        if pool == "cls":
            state["visual.class_token"] = model.visual.class_token
        model.load_state_dict(state)
    return model


def train_seed(seed: int, steps: int = STEPS, pool: Pool | None = None, pooling: str = "cls") -> CLIP:
    """The trained model of a seed, in evaluation mode, its weights rounded to half precision as they ship."""
    model = start(seed, pooling)
    pool = pool or Pool(WORLD, POOL, model.tokenizer, POOL_SEED)
    config, label = TrainConfig(steps, BATCH, LR, seed=seed), f"{name(seed)}-{pooling}"
    resume = {"checkpoint": WORK / f"{label}-{steps}.training.safetensors", "checkpoint_every": 100}
    train(model, pool.batches(BATCH, seed), MultiPositiveClipLoss(), config, device="cpu", label=label, **resume)
    model.cpu()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(weight.half())
    return model.eval()


@torch.no_grad()
def measure(model: CLIP) -> dict[str, float]:
    """The card's numbers: zero-shot accuracy over the 24 names on scenes of one object, and retrieval among 500 scenes."""
    single = WORLD(objects=(1, 1)).batch(CARD_SEED, range(600))
    label = single.labels["shape"][:, 0] * len(WORLD.colours) + single.labels["colour"][:, 0]
    w = class_embeddings(model, WORLD.class_prompts("shape", "colour"))
    out = {"zero_shot_names": accuracy(predict(encode_images(model, single.images), w), label)}
    gallery = WORLD.batch(CARD_SEED + 1, range(1200))
    rows = list({c: i for i, c in enumerate(gallery.captions)}.values())[:500]
    v = encode_texts(model, [gallery.captions[i] for i in rows])
    out |= recall_at_k(encode_images(model, gallery.images[rows]), v, ks=(1,))
    return {k: round(x, 4) for k, x in out.items()} | {"retrieval_gallery": len(rows)}


def write(model: CLIP, seed: int, folder: Path) -> dict:
    """The checkpoint, in half precision, and its card."""
    card = {
        "name": name(seed),
        "data": f"scenes, data version {DATA_VERSION}, {POOL} scenes, seed {POOL_SEED}, digest {WORLD.digest()[:16]}",
        "world": {k: str(v) for k, v in WORLD.config().items()},
        "seed": seed,
        "steps": STEPS,
        "pairs": STEPS * BATCH,
        "batch_size": BATCH,
        "lr": LR,
        "starts_from": f"scenes-clip, sha256 {shipped()['scenes-clip']['sha256'][:16]}",
        "metrics": measure(model),
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "command": f"python -m vlatlas.protocols.dense_clip {seed}",
        "licence": "MIT",
    }
    folder.mkdir(parents=True, exist_ok=True)
    card["sha256"] = save_checkpoint(folder / f"{name(seed)}.safetensors", model.half(), card)
    model.float()
    (folder / f"{name(seed)}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return card


def main(arguments: list[str] | None = None) -> None:
    """Train one seed and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.dense_clip", description=__doc__.split("\n")[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("--out", type=Path, help="default: beside the shipped ones for seeds 0, 1, 2, else _build/pretrain")
    given = parser.parse_args(arguments)
    out = given.out or (CHECKPOINTS if given.seed in (0, 1, 2) else WORK)
    print(json.dumps(write(train_seed(given.seed), given.seed, out)["metrics"], indent=2))


if __name__ == "__main__":
    main()
