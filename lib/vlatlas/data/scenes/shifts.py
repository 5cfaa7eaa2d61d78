"""What goes wrong with data, at a stated rate: wrong labels, wrong pairs, drift, skewed parts, strangers."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from .batch import Batch
from .rng import Draw

LOOKALIKES = {  # pairs that even people confuse at 32 px: the hard label noise flips within them
    "circle": "ring", "square": "hexagon", "triangle": "arrow", "star": "clover", "cross": "bolt",
    "heart": "drop",
    "crescent": "diamond", "hourglass": "house",
}  # fmt: skip
NOISES = ("symmetric", "lookalike", "instance")


def label_noise(labels: Tensor, classes: list[str], rate: float, draw: Draw, kind: str = "symmetric", doubt=None):
    """Labels (B,) of which a share is wrong, and the mask (B,) of the wrong ones.

    Args:
        kind: "symmetric" (any other class), "lookalike" (the class's partner in `LOOKALIKES`, else the next
            class), "instance" (as "lookalike", where `doubt` (B,) is largest: hard samples are mislabelled).

    Raises:
        ValueError: a rate outside 0..1, an unknown kind, or "instance" without `doubt`.
    """
    if not 0 <= rate <= 1 or kind not in NOISES or (kind == "instance" and doubt is None):
        raise ValueError(f"rate {rate} must be in 0..1, kind {kind!r} of {', '.join(NOISES)}; instance needs doubt")
    count = len(classes)
    partner = {**LOOKALIKES, **{b: a for a, b in LOOKALIKES.items()}}
    flip = [classes.index(partner[c]) if partner.get(c) in classes else (k + 1) % count for k, c in enumerate(classes)]
    if kind == "instance":
        wrong = torch.zeros(len(labels), dtype=torch.bool)
        wrong[torch.as_tensor(doubt).argsort(descending=True)[: round(rate * len(labels))]] = True
    else:
        wrong = torch.from_numpy(draw.uniform("noise.wrong")[:, 0] < rate)
    if kind == "symmetric":
        other = (labels + 1 + torch.from_numpy(draw.integers("noise.other", count - 1)[:, 0])) % count
    else:
        other = torch.tensor(flip)[labels]
    return torch.where(wrong, other, labels), wrong


def pair_noise(batch: Batch, rate: float) -> tuple[list[str], Tensor]:
    """Captions of which a share belongs to other scenes, half of them swapped outright, half with the first
    object's colour or shape replaced by one that is not there; and the mask (B,) of the wrong ones.

    Raises:
        ValueError: a rate outside 0..1.
    """
    from .english import realise
    from .negatives import foils

    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate} must be within 0..1")
    u = batch.draw.uniform("pair", 3)
    wrong = u[:, 0] < rate
    strangers = batch.world.batch(batch.draw.seed + 7_000_003, batch.draw.index)
    false = {a: foils(batch, "replace", a) for a in ("colour", "shape")}
    out = []
    for b, caption in enumerate(batch.captions):
        foil = false["colour" if u[b, 2] < 0.5 else "shape"][b]
        if not wrong[b]:
            out.append(caption)
        elif u[b, 1] < 0.5 or foil is None:
            wrong[b] = not strangers.statements[b].true_of(batch.graphs[b])
            out.append(strangers.captions[b])
        else:
            out.append(realise(foil, b))
    return out, torch.from_numpy(wrong)


def zipf(batch: Batch, attribute: str = "shape", exponent: float = 1.0) -> Batch:
    """The same scenes with one attribute redrawn so that its value number k has weight (k + 1)^-exponent.
    Other attributes stay as they are, so combinations of a split are not kept: use it with held_out="none".

    Raises:
        ValueError: a world with held-out combinations.
    """
    world = batch.world
    if world.held_out != "none":
        raise ValueError(f"zipf redraws {attribute}s and would show what held_out={world.held_out!r} hides")
    weight = np.arange(1, len(world.classes(attribute)) + 1, dtype=np.float64) ** -exponent
    edges = np.cumsum(weight / weight.sum())
    place = batch.layout.copy()
    value = np.searchsorted(edges[:-1], batch.draw.uniform("zipf", place.shape.shape[1]), side="right")
    setattr(place, attribute, value)
    return replace(batch, layout=place)


def drift(world, seed: int, period: int, size: int, periods: int = 4) -> Batch:
    """Scenes number 0..size-1 of one period of a slowly changing world, for continual training: the shapes
    are introduced in turn, a new share of them in each period, while old ones become rare (a tenth).

    Raises:
        ValueError: a period outside 0..periods-1.
    """
    if not 0 <= period < periods:
        raise ValueError(f"period {period} must be within 0..{periods - 1}")
    groups = np.array_split(np.arange(len(world.shapes)), periods)
    names = [world.shapes[i] for i in groups[period]]
    old = [world.shapes[i] for g in groups[:period] for i in g]
    batch = world.batch(seed + 1000 * period, range(size))
    draw = Draw(seed + 1000 * period, range(size))
    pool = [np.array([world.shapes.index(n) for n in part]) for part in (names, old or names)]
    pick = (draw.uniform("drift.old")[:, 0] < 0.1).astype(np.int64)
    u = draw.uniform("drift.shape", batch.layout.shape.shape[1])
    place = batch.layout.copy()
    for which in (0, 1):
        rows = pick == which
        place.shape[rows] = pool[which][(u[rows] * len(pool[which])).astype(np.int64)]
    return replace(batch, layout=place)


def federated(labels: Tensor, clients: int, draw: Draw, concentration: float = 0.5) -> Tensor:
    """The client (B,) that each sample belongs to. For each class the clients' shares are drawn from a
    Dirichlet distribution: small concentration, skewed clients (Hsu, Qi and Brown 2019).

    Raises:
        ValueError: fewer than one client, or a concentration that is not positive.
    """
    if clients < 1 or concentration <= 0:
        raise ValueError(f"clients {clients} must be at least 1, concentration {concentration} positive")
    rng = np.random.Generator(np.random.Philox(key=draw.seed))  # a stream of its own, not the global state
    shares = rng.dirichlet([concentration] * clients, size=int(labels.max()) + 1)
    edges = np.cumsum(shares, axis=1)[labels.numpy()]
    client = (draw.uniform("federated") >= edges[:, :-1]).sum(axis=1)
    return torch.from_numpy(client)


def out_of_distribution(world, kind: str):
    """A world of strangers to this one. "near": its held-out combinations; "far": shapes it does not have.

    Raises:
        ValueError: nothing is held out, all shapes are in use, or an unknown kind.
    """
    from .vocabulary import SHAPES

    if kind == "near":
        return world(split="novel")
    if kind == "far":
        rest = tuple(s for s in SHAPES if s not in world.shapes)
        if not rest:
            raise ValueError("the world uses every shape; far strangers need a world with fewer")
        return world(shapes=rest, held_out="none", split="train")
    raise ValueError(f"kind {kind!r} is unknown; use 'near' or 'far'")
