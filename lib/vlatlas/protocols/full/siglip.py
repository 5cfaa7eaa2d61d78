"""siglip: the sigmoid against the softmax loss, a new text tower on a locked image tower."""

import itertools

import torch

from ...losses import ClipLoss, SigLipLoss
from ...train import TrainConfig, train
from .outputs import Outputs
from .pairs import Pairs


def siglip(
    name, source, evaluate, device, batch_sizes=(256, 1024, 4096), pairs=3_000_000, lr=1e-3, seeds=(0,), text="txt"
) -> dict:
    """Sigmoid against softmax at several batch sizes: the image tower of a pretrained model stays as it is, the text
    tower starts anew. evaluate(model) -> number, higher is better. Returns lists over seeds."""
    out = {}
    for (loss_name, loss, scale, bias), size, seed in itertools.product(
        (("softmax", ClipLoss, 1 / 0.07, None), ("sigmoid", SigLipLoss, 10.0, -10.0)), batch_sizes, seeds
    ):
        model, transform = fresh_text_tower(name, seed)
        steps = max(1, pairs // size)
        batches = Pairs(source, transform, model.tokenizer, size, seed, text)
        train(
            Outputs(model, True, scale, bias), batches, loss(),
            TrainConfig(steps, size, lr, seed=seed), device, label=f"{loss_name}, batch {size}",
        )  # fmt: skip
        out.setdefault(f"{loss_name}_{size}", []).append(evaluate(model))
        out["data"] = batches.manifest.summary()
    for size in batch_sizes:
        both = zip(out[f"sigmoid_{size}"], out[f"softmax_{size}"], strict=True)
        out[f"gap_{size}"] = [a - b for a, b in both]
    return out


def fresh_text_tower(name: str, seed: int):
    """(pretrained open_clip model whose text side is initialised anew, its preprocessing).

    Raises:
        ValueError: not an open_clip model by name.
    """
    import open_clip

    from ...models import load

    if not name.startswith("open_clip:"):
        raise ValueError(f"--model {name!r}: siglip's full profile needs an open_clip model: open_clip:ARCHITECTURE/TAG")
    model = load(name)
    architecture = name.removeprefix("open_clip:").partition("@")[0].partition("/")[0]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        new = open_clip.create_model(architecture)
    state = {k: v for k, v in model.state_dict().items() if k.startswith("visual.")}
    new.load_state_dict(state, strict=False)
    new.tokenizer, new.preprocess = model.tokenizer, model.preprocess
    return new, model.preprocess
