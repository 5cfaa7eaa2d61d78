"""A whole training step of two towers of one size, ours against open_clip's, in float32 and bfloat16."""

import torch

from ..harness import Ratio, ratios, take_turns

BATCH, IMAGE, PATCH, WIDTH, DEPTH, HEADS = 32, 64, 8, 192, 12, 3
TEXT_DEPTH, CONTEXT, WORDS, EMBED = 6, 32, 4096, 192
BARS = {"ours float32": 1.05, "ours bfloat16": 1.8, "ours bfloat16 to bfloat16": 1.4}


def steps(laps: int = 15) -> list[Ratio]:
    """Forward, loss, backward, clipping and AdamW on one batch: image tower 12 x 192 at 64 px, text tower 6 x 192."""
    images, ids = torch.rand(BATCH, 3, IMAGE, IMAGE), texts()
    candidates = {
        "open_clip float32": their_step(images, ids, False),
        "ours float32": our_step(images, ids, False),
        "open_clip bfloat16": their_step(images, ids, True),
        "ours bfloat16": our_step(images, ids, True),
    }
    times = take_turns(candidates, laps)
    rates = {k: f"{BATCH / sorted(v)[len(v) // 2]:.1f} images/s" for k, v in times.items()}
    out = ratios(times, "open_clip float32", rates)
    half = {k if k != "ours bfloat16" else f"{k} to bfloat16": v for k, v in times.items() if k.endswith("bfloat16")}
    return [
        r.barred(BARS) for r in out + ratios(half, "open_clip bfloat16", {"ours bfloat16 to bfloat16": rates["ours bfloat16"]})
    ]


def texts() -> torch.Tensor:
    """(BATCH, CONTEXT) ids as both tokenizers lay them out: 8 to 20 words, the end token (the largest id), padding 0."""
    g = torch.Generator().manual_seed(0)
    ids = torch.randint(3, WORDS - 1, (BATCH, CONTEXT), generator=g)
    ends = torch.randint(8, 21, (BATCH,), generator=g)
    ids[torch.arange(CONTEXT) > ends[:, None]] = 0
    ids[torch.arange(BATCH), ends] = WORDS - 1
    return ids


def our_step(images, ids, half: bool):
    """A step as `vlatlas.train.train` takes it."""
    from ...losses import ClipLoss
    from ...models.text import TextTransformer
    from ...models.vision import VisionTransformer
    from ...train import TrainConfig, make_optimizer

    torch.manual_seed(0)
    visual = VisionTransformer(IMAGE, PATCH, WIDTH, DEPTH, HEADS, EMBED, pool="cls")
    text = TextTransformer(WORDS, CONTEXT, WIDTH, TEXT_DEPTH, HEADS, EMBED, end=WORDS - 1)
    log_scale = torch.nn.Parameter(torch.tensor(2.66))
    model = torch.nn.ModuleDict({"visual": visual, "text": text}).train()
    model.register_parameter("logit_scale", log_scale)
    optimizer, loss = make_optimizer(model, TrainConfig(steps=1)), ClipLoss()

    def forward():
        u, v = (torch.nn.functional.normalize(x, dim=-1) for x in (visual(images), text(ids)))
        return u, v, log_scale.exp()

    return _runner(model, optimizer, loss, forward, half)


def their_step(images, ids, half: bool):
    """open_clip's model of the same sizes with its loss and the optimizer that its training script builds."""
    from open_clip.loss import ClipLoss
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    torch.manual_seed(0)
    model = CLIP(
        EMBED,
        CLIPVisionCfg(layers=DEPTH, width=WIDTH, head_width=WIDTH // HEADS, patch_size=PATCH, image_size=IMAGE),
        CLIPTextCfg(context_length=CONTEXT, vocab_size=WORDS, width=WIDTH, heads=HEADS, layers=TEXT_DEPTH),
    ).train()
    gains = [p for p in model.parameters() if p.ndim < 2]
    rest = [p for p in model.parameters() if p.ndim >= 2]
    groups = [{"params": gains, "weight_decay": 0.0}, {"params": rest, "weight_decay": 0.2}]
    optimizer, loss = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-6), ClipLoss()
    return _runner(model, optimizer, loss, lambda: model(images, ids)[:3], half)


def _runner(model, optimizer, loss, forward, half: bool):
    def run():
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            features = forward()
            value = loss(*features)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return run
