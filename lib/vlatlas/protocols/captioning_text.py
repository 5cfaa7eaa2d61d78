"""What the small language model of the captioning papers has read, and the command that trains it.

    python -m vlatlas.protocols.captioning_text

Descriptions, one fact a sentence, answers to "what is this?" and short stories about scenes. None of its sentences is built
like a caption, none names a (shape, colour) pair that training holds out, and it has seen no image.
"""

import argparse
import json
import random
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..data.scenes import DATA_VERSION, World
from ..data.scenes.english import phrase, prompt, things
from ..data.scenes.wording import long, vocabulary
from ..models.language import LanguageModel, load_language_model, save_language_model
from ..models.tokenizer import END
from ..models.zoo import CHECKPOINTS
from ..train import TrainConfig, train

NAME = "scenes-lm"
FILE = CHECKPOINTS / f"{NAME}.safetensors"
WORLD = World(objects=(1, 3), held_out="combinations")
TEXT_SEED, TEST_SEED = 27_500_000, 27_500_001
SCENES, WINDOW = 8_000, 56
TRAIN = TrainConfig(steps=900, batch_size=24, lr=3e-3, weight_decay=0.05, seed=78)
STORIES = (
    "once upon a time {a} stood on a {ground} background and waited.",
    "on a {ground} background stood {things}, and nobody knew why.",
    "who made the image of {a}? it shows more than a picture.",
    "i dreamt of {things} in a picture on a {ground} wall.",
    "we looked for {a}, but this was {b}.",
)
EXTRA = "once upon time stood and waited nobody knew why who made it more than i dreamt wall we looked for but was".split()


def words() -> list[str]:
    """The vocabulary: every word of captions, paraphrases and stories, in the order of the ids."""
    return list(dict.fromkeys([*vocabulary(), *EXTRA]))


def documents(seed: int, count: int) -> list[str]:
    """A text about each of `count` scenes: a description, an answer or a story, by turns that depend on the seed."""
    batch, chance = WORLD.batch(seed, range(count)), random.Random(seed)
    out = []
    for statement, scene, told in zip(batch.statements, batch.graphs, long(batch, 12), strict=True):
        kind = chance.random()
        if kind < 0.35:
            out.append(" ".join(told))
        elif kind < 0.65:
            text = prompt(statement, chance.randrange(4))
            out.append(f"{text} the background is {scene.background}.")
        else:
            pair = [phrase(t) for t in (statement.objects[0], statement.objects[-1])]
            story = chance.choice(STORIES)
            out.append(story.format(a=pair[0], b=pair[1], ground=scene.background, things=things(statement)))
    return out


def stream(tokenizer, texts: list[str]) -> Tensor:
    """All texts as one row of ids (n,), END before each."""
    ids = [END]
    for text in texts:
        ids += tokenizer.encode(text)
    return torch.tensor(ids)


class _Reader(nn.Module):
    """Logits of a model, for the training loop."""

    def __init__(self, model: LanguageModel):
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor) -> dict[str, Tensor]:
        return {"logits": self.model(ids[:, :-1]), "ids": ids}


def next_token_loss(logits: Tensor, ids: Tensor) -> Tensor:
    """Mean cross-entropy of each token (B, T) given those before it: logits (B, T - 1, V) -> ()."""
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def fresh(seed: int = 0) -> LanguageModel:
    """An untrained model of the shipped size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LanguageModel(words())


def taught(config: TrainConfig = TRAIN, scenes: int = SCENES) -> LanguageModel:
    """Train the language model on windows of the texts."""
    model = fresh(config.seed)
    model.tokenizer.context = 400  # a whole text is encoded; windows are cut from the stream
    ids = stream(model.tokenizer, documents(TEXT_SEED, scenes))
    model.tokenizer.context = model.sizes["context"]

    def batches(step: int):
        starts = torch.randint(len(ids) - WINDOW - 1, (config.batch_size,), generator=torch.Generator().manual_seed(step))
        return (torch.stack([ids[s : s + WINDOW + 1] for s in starts.tolist()]),)

    train(_Reader(model), batches, next_token_loss, config, "cpu", label=NAME)
    return model.eval()


@torch.no_grad()
def perplexity(model: LanguageModel, texts: list[str]) -> float:
    """exp of the mean cross-entropy per token over windows of these texts."""
    tokenizer = type(model.tokenizer)(model.tokenizer.words, 400)
    ids = stream(tokenizer, texts)
    rows = ids[: (len(ids) - 1) // WINDOW * WINDOW + 1].unfold(0, WINDOW + 1, WINDOW)
    return next_token_loss(model(rows[:, :-1]), rows).exp().item()


@cache
def card() -> dict:
    """The shipped model's card."""
    return load_language_model(FILE)[1]


def load_scenes_lm() -> LanguageModel:
    """A copy of the model as it ships, in evaluation mode: each call reads the file, so that tuning one changes no other."""
    return load_language_model(FILE)[0]


def main(arguments: list[str] | None = None) -> None:
    """Train the language model and write it with its card."""
    parser = argparse.ArgumentParser(prog="python -m vlatlas.protocols.captioning_text", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=FILE)
    parser.add_argument("--steps", type=int, default=TRAIN.steps)
    parser.add_argument("--scenes", type=int, default=SCENES)
    given = parser.parse_args(arguments)
    config = TrainConfig(given.steps, TRAIN.batch_size, TRAIN.lr, weight_decay=TRAIN.weight_decay, seed=TRAIN.seed)
    model = taught(config, given.scenes)
    model.load_state_dict({k: v.half().float() for k, v in model.state_dict().items()})
    told = {
        "name": NAME,
        "data": f"texts about {given.scenes} scenes, data version {DATA_VERSION}, seed {TEXT_SEED}; no image, no caption",
        "seed": config.seed,
        "steps": config.steps,
        "batch_size": config.batch_size,
        "lr": config.lr,
        "metrics": {"perplexity": round(perplexity(model, documents(TEST_SEED, 1_000)), 3)},
        "parameters": sum(p.numel() for p in model.parameters()),
        "torch": torch.__version__,
        "command": "python -m vlatlas.protocols.captioning_text",
        "licence": "MIT",
    }
    save_language_model(given.out, model, told)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
