"""flip: an open_clip architecture from scratch at several mask ratios."""

import itertools

import torch

from ...losses import ClipLoss
from ...train import TrainConfig, train
from .classes import Classes
from .features import zero_shot
from .outputs import Outputs
from .pairs import Pairs


def flip(architecture, source, test: Classes, device, ratios=(0.0, 0.5, 0.75), pairs=30_000_000, batch_size=1024, lr=5e-4,
         seeds=(0,), text="txt") -> dict:  # fmt: skip
    """An open_clip architecture from scratch at several mask ratios: equal pairs, accuracy and seconds per pair."""
    import open_clip

    out = {}
    for m, seed in itertools.product(ratios, seeds):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model, _, transform = open_clip.create_model_and_transforms(architecture, force_patch_dropout=m)
        model.tokenizer, model.preprocess = open_clip.get_tokenizer(architecture), transform
        batches = Pairs(source, transform, model.tokenizer, batch_size, seed, text)
        config = TrainConfig(max(1, pairs // batch_size), batch_size, lr, seed=seed)
        history = train(Outputs(model), batches, ClipLoss(), config, device, label=f"mask {m:.0%}")
        out.setdefault(f"acc_{m * 100:.0f}", []).append(zero_shot(model, test, device)["accuracy"])
        out.setdefault(f"seconds_per_1000_pairs_{m * 100:.0f}", []).append(1000 * history.seconds / history.pairs)
        out["data"], out["test"] = batches.manifest.summary(), test.manifest.summary()
    return out
