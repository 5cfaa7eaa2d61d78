"""Class-token CLIPs for scenes of several objects at 64 px, and the command that trains them.

    python -m vlatlas.protocols.dense_clip 0

*scenes-clip* averages its tokens, so each of them is trained to lie in the shared space. Methods that read dense labels out
of a frozen CLIP answer to another architecture: a class token is all that the loss sees of the last block. Here the first
three blocks are scenes-clip's, frozen, its positions interpolated from 4 x 4 to 8 x 8 patches, with a class token of zeros.
The last block, norm and projection are drawn anew by the seed, and trained with the last block of the text tower,
contrastively, on scenes of one to four objects with their captions; no mask is ever seen. What enters the last blocks is
computed once, so that a seed takes seconds. Seeds 0, 1, 2 ship with the package in half precision.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.splits import dense
from ..evals import accuracy, class_embeddings, encode_images, encode_texts, predict, recall_at_k
from ..losses.multi_positive import MultiPositiveClipLoss
from ..methods.last_block import enter_last_block
from ..models import CLIP, ClipConfig, load
from ..models.tokenizer import END
from ..models.transformer import Block
from ..models.zoo import CHECKPOINTS
from ..train import TrainConfig, train
from .card import round_to_half, ship

WORLD = dense.WORLD(detail="short")  # captions name colour and shape of every object, and where neighbours stand
POOL, POOL_SEED, CARD_SEED = 4_000, 71, 72
STEPS, BATCH, LR = 250, 64, 1e-3
WORK = Path("_build/pretrain")


def name(seed: int) -> str:
    """What the checkpoint of a seed is called."""
    return f"scenes-clip-cls-{seed}"


def resized(position: Tensor, side: int) -> Tensor:
    """Position embedding (1, P, W) of a square grid, bicubically interpolated to side x side: (1, side^2, W)."""
    old = round(position.shape[1] ** 0.5)
    grid = position.view(1, old, old, -1).permute(0, 3, 1, 2)
    return F.interpolate(grid, size=(side, side), mode="bicubic", align_corners=False).flatten(2).transpose(1, 2)


def start(seed: int, backbone: str = "scenes-clip") -> CLIP:
    """What training starts from: the backbone at 64 px with a class token, its last block, norm and projection (and the text
    positions that it lacks) drawn by seed."""
    old = load(backbone)
    sizes = old.config.as_dict() | {"words": old.config.words, "image_size": WORLD.resolution, "pool": "cls", "context": 32}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = CLIP(ClipConfig(**sizes))
        drawn = (f"visual.blocks.{model.config.depth - 1}.", "visual.norm.", "visual.project.")
        state = {k: model.state_dict()[k] if k.startswith(drawn) else v for k, v in old.state_dict().items()}
        state["visual.position"] = resized(state["visual.position"], WORLD.resolution // model.config.patch_size)
        state["visual.class_token"] = torch.zeros_like(model.visual.class_token)
        state["text.position"] = torch.cat([state["text.position"], model.text.position[:, old.config.context :]], dim=1)
        model.load_state_dict(state)
    return model.eval()


def _read(block: Block, tokens: Tensor, at: Tensor, seen: Tensor | None = None) -> Tensor:
    """What a block gives at one position of each row, without the work on outputs that nobody reads: (B, W).

    tokens (B, T, W); at (B,) which position; seen (B, T) bool, what it may attend to.
    """
    attention, rows, width = block.attention, torch.arange(len(tokens)), tokens.shape[2]
    n, weight, bias = block.norm1(tokens), attention.qkv.weight, attention.qkv.bias
    q = F.linear(n[rows, at][:, None], weight[:width], bias[:width])  # (B, 1, W)
    k, v = F.linear(n, weight[width:], bias[width:]).chunk(2, dim=-1)
    q, k, v = (t.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for t in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=None if seen is None else seen[:, None, None, :])
    x = tokens[rows, at] + attention.out(y.transpose(1, 2).flatten(1))
    return x + block.mlp(block.norm2(x))


@dataclass
class Frozen:
    """Training pairs as what enters the last blocks, in half precision: tokens (n, T, W), words (n, L, W'), end (n,), where each
    text ends; group (n,), equal where captions are equal."""

    tokens: Tensor
    words: Tensor
    end: Tensor
    group: Tensor

    def batches(self, seed: int):
        """step -> (rows, rows, {"group"}), a new random order in every epoch."""
        per_epoch = len(self.end) // BATCH

        def batch(step: int):
            epoch, place = divmod(step, per_epoch)
            order = torch.randperm(len(self.end), generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
            rows = order[place * BATCH : (place + 1) * BATCH]
            return rows, rows, {"group": self.group[rows]}

        return batch


@torch.no_grad()
def frozen(count: int = POOL) -> Frozen:
    """The training pairs; the same for every seed, since what comes before the last blocks is."""
    model, tokens, captions, words = start(0), [], [], []
    for first in range(0, count, 256):
        batch = WORLD.batch(POOL_SEED, range(first, min(count, first + 256)))
        tokens.append(enter_last_block(model, batch.images).x.half())
        captions += batch.captions
    ids = model.tokenizer(captions)
    hook = model.text.blocks[-1].register_forward_pre_hook(lambda m, a: words.append(a[0].half()))
    model.encode_text(ids)  # at once, so that all are padded alike
    hook.remove()
    return Frozen(torch.cat(tokens), words[0], (ids == END).int().argmax(dim=1), torch.unique(ids, dim=0, return_inverse=True)[1])


class Learner(nn.Module):
    """The trained part of a model, the last block, norm and projection of both towers, on pairs given by their rows (B,)."""

    def __init__(self, model: CLIP, data: Frozen):
        super().__init__()
        self.image, self.text = (nn.ModuleList([t.blocks[-1], t.norm, t.project]) for t in (model.visual, model.text))
        self.logit_scale, self.scale, self.data = model.logit_scale, model.scale, data

    def encode_image(self, tokens: Tensor) -> Tensor:
        """As the model's, from the last block on: (B, T, W) -> (B, D)."""
        block, norm, project = self.image
        return project(norm(_read(block, tokens, torch.zeros(len(tokens), dtype=torch.long))))

    def encode_text(self, words: Tensor, end: Tensor) -> Tensor:
        """As the model's, from the last block on: (B, L, W') -> (B, D)."""
        block, norm, project = self.text
        return project(norm(_read(block, words, end, torch.arange(words.shape[1]) <= end[:, None])))

    def forward(self, rows: Tensor, _: Tensor) -> dict[str, Tensor]:
        d = self.data
        return {
            "image_features": F.normalize(self.encode_image(d.tokens[rows].float()), dim=-1),
            "text_features": F.normalize(self.encode_text(d.words[rows].float(), d.end[rows]), dim=-1),
            "logit_scale": self.scale(),
        }


def train_seed(seed: int, data: Frozen, steps: int = STEPS) -> CLIP:
    """The trained model of a seed, in evaluation mode, its weights rounded to half precision as they ship."""
    model, config = start(seed), TrainConfig(steps, BATCH, LR, seed=seed)
    train(Learner(model, data), data.batches(seed), MultiPositiveClipLoss(), config, device="cpu", progress=False)
    return round_to_half(model)


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
    command, config = f"python -m vlatlas.protocols.dense_clip {seed}", TrainConfig(STEPS, BATCH, LR, seed=seed)
    return ship(model, folder, name(seed), command, WORLD, (POOL, POOL_SEED), config, measure(model))


def main(arguments: list[str] | None = None) -> None:
    """Train one seed and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.dense_clip", description=__doc__.split("\n")[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--out", type=Path, help="default: beside the shipped ones for seeds 0, 1, 2, else _build/pretrain")
    given = parser.parse_args(arguments)
    data = frozen()
    for seed in given.seeds:
        out = given.out or (CHECKPOINTS if seed in (0, 1, 2) else WORK)
        print(seed, json.dumps(write(train_seed(seed, data), seed, out)["metrics"]), flush=True)


if __name__ == "__main__":
    main()
