"""What the `detection` protocol feeds a detector: scenes as frozen patch features, and prompts as frozen word features."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..data.grounded import BOXES, TASKS, fits, words_of
from ..data.scenes import World
from ..methods.frozen_tokens import patch_features, word_features

NAMES = [{"colour": c, "shape": s} for s in BOXES.shapes for c in BOXES.colours]  # the sixteen that box data know
ASKED = TASKS | {"taught": (BOXES, NAMES)}  # name -> world, and what each class says: new tasks, and the one of the box data


class Scenes:
    """Frozen patch features (S, R, W), true boxes (S, K, 4) with `present` (S, K), and the objects of each scene."""

    def __init__(self, clip, world: World, seed: int, numbers: Sequence[int], chunk: int = 512):
        patches, boxes, present, self.graphs = [], [], [], []
        for start in range(0, len(numbers), chunk):
            batch = world.batch(seed, numbers[start : start + chunk])
            patches.append(patch_features(clip, batch.images))
            boxes.append(batch.boxes.float())
            present.append(batch.labels["shape"] >= 0)
            self.graphs += batch.graphs
        self.patches, self.boxes, self.present = torch.cat(patches), torch.cat(boxes), torch.cat(present)

    def __len__(self) -> int:
        return len(self.patches)

    def named(self, rows: Sequence[int], prompts: list[list[dict]]) -> Tensor:
        """(B, K) long: for each object of the scenes `rows` which phrase of its scene's prompt fits, -1 for none."""
        out = torch.full((len(rows), self.boxes.shape[1]), -1)
        for b, (row, prompt) in enumerate(zip(rows, prompts, strict=True)):
            for k, o in enumerate(self.graphs[row].objects):
                out[b, k] = next((i for i, thing in enumerate(prompt) if fits(o, thing)), -1)
        return out


class Prompter:
    """Prompts as frozen word features; each phrase is read once, by itself."""

    def __init__(self, clip):
        self.clip, self.table = clip, {}

    def __call__(self, prompts: list[list[dict]]) -> tuple[Tensor, Tensor, Tensor]:
        """Words (B, M, Wt), owner (B, M) and valid (B, M) of a prompt per scene: phrases and full stops, then padding."""
        texts = [[words_of(thing) for thing in p] for p in prompts]
        self.table.update(word_features(self.clip, sorted({t for p in texts for t in p} - set(self.table))))
        words = pad_sequence([torch.cat([self.table[t] for t in p]) for p in texts], batch_first=True)
        owners = [[i for k, t in enumerate(p) for i in (*(k,) * len(t.split()), -1)] for p in texts]
        owner = pad_sequence([torch.tensor(o) for o in owners], batch_first=True, padding_value=-1)
        valid = torch.arange(words.shape[1]) < torch.tensor([len(o) for o in owners])[:, None]
        return words, owner, valid


def box_prompt(objects, count: int, rng: random.Random) -> list[dict]:
    """The names of the objects, filled up to `count` with others of the sixteen, in random order."""
    prompt = [{"colour": o.colour, "shape": o.shape} for o in objects]
    others = [n for n in NAMES if n not in prompt]
    prompt += rng.sample(others, max(0, count - len(prompt)))
    rng.shuffle(prompt)
    return prompt


def phrases_of(objects, rng: random.Random) -> list[dict]:
    """A phrase for each object: its shape or its colour or both, with texture or size at times."""
    out = []
    for o in objects:
        said = rng.choice((("shape",), ("colour",), ("colour", "shape")))
        said += tuple(a for a in ("texture", "size") if rng.random() < 0.4)
        out.append({a: o.get(a) for a in said})
    return out


def grounding_prompt(row: int, graphs: list, count: int, rng: random.Random) -> list[dict]:
    """Phrases of the objects of scene `row`, filled up to `count` with phrases of other scenes that fit none of them, in
    random order."""
    objects = graphs[row].objects
    prompt = phrases_of(objects, rng)
    while len(prompt) < count:
        stranger = rng.choice(phrases_of(rng.choice(graphs).objects, rng))
        if stranger not in prompt and not any(fits(o, stranger) for o in objects):
            prompt.append(stranger)
    rng.shuffle(prompt)
    return prompt


def shots_of(world: World, seed: int, classes: list[dict], shots: int, among: int = 192) -> list[int]:
    """Numbers of the first scenes that hold a class still short of `shots` objects. Nothing is drawn for that.

    Raises:
        ValueError: more shots than the first `among` scenes have.
    """
    count, numbers = [0] * len(classes), []
    for number, graph in enumerate(world.batch(seed, range(among)).graphs):
        found = [next((i for i, c in enumerate(classes) if fits(o, c)), -1) for o in graph.objects]
        if any(i >= 0 and count[i] < shots for i in found):
            numbers.append(number)
            for i in found:
                count[i] += i >= 0
    if min(count) < shots:
        names = ", ".join(words_of(c) for c in classes)
        raise ValueError(f"{shots} shots of each of {names} are not among {among} scenes; ask for fewer")
    return numbers
