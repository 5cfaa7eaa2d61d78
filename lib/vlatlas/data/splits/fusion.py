"""fusion: listings of a shop, a picture and a title. Each of four facts (shape, colour, texture, count) is told by the
picture alone, by the title alone, or by both; a share of the titles or pictures belongs to another listing."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..scenes import World
from ..scenes.questions import NUMBERS
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 16_000_000
WORLD = World(objects=(1, 4), shapes=6, colours=6, textures=("striped", "dotted", "checkered"), distinct=False, fill=(0.75, 0.95))
TASKS = ("shape", "colour", "texture", "count")
WHERE = ("image", "title", "both")
RATES = (0.0, 0.2, 0.4, 0.6)
_NEUTRAL = {"shape": "hexagon", "colour": "white", "texture": "plain"}  # drawn where the picture is not to tell
_DRAWN = WORLD(**{f"{a}s": (*WORLD.classes(a), v) for a, v in _NEUTRAL.items()})


def listings(seed: int, index, rate: float = 0.0, swap: str = "title"):
    """(images (B, 3, H, W), titles, labels, where, wrong): labels and where, task -> (B,) long, the latter into `WHERE`;
    wrong (B,) bool: the title (or, with swap="picture", the picture) is another listing's. Count k has label k - 1.

    Raises:
        ValueError: a rate outside 0..1, or an unknown swap.
    """
    if not 0 <= rate <= 1 or swap not in ("title", "picture"):
        raise ValueError(f"rate {rate} must be within 0..1, swap {swap!r} 'title' or 'picture'")
    images, titles, labels, where, draw = _honest(seed, index)
    wrong = torch.from_numpy(draw.uniform("fusion.wrong")[:, 0] < rate)
    if wrong.any():
        other_images, other_titles, *_ = _honest(seed + 1_000_003, index)
        if swap == "picture":
            images = torch.where(wrong[:, None, None, None], other_images, images)
        else:
            titles = [o if w else t for t, o, w in zip(titles, other_titles, wrong.tolist(), strict=True)]
    return images, titles, labels, where, wrong


def _honest(seed: int, index) -> tuple[Tensor, list[str], dict, dict, object]:
    batch = WORLD.batch(seed, index)
    place = batch.layout.copy()
    for a in _NEUTRAL:  # all pieces of a listing are alike
        getattr(place, a)[:] = getattr(place, a)[:, :1]
    count = place.present.sum(axis=1)
    truth = {a: getattr(place, a)[:, 0].copy() for a in _NEUTRAL} | {"count": count - 1}
    side = batch.draw.integers("fusion.where", 3, len(TASKS))  # (B, 4), into WHERE
    for t, a in enumerate(TASKS):
        hidden = side[:, t] == 1
        if a == "count":
            place.present[hidden, 1:] = False
        else:
            getattr(place, a)[hidden] = len(WORLD.classes(a))
    titles = []
    for b in range(len(batch)):
        told = {a: truth[a][b] for t, a in enumerate(TASKS) if side[b, t] != 0}
        words = [NUMBERS[told["count"] + 1]] if "count" in told else []
        words += [WORLD.classes(a)[told[a]] for a in ("colour", "texture", "shape") if a in told]
        titles.append(" ".join(words) or "item")
    drawn = replace(batch, world=_DRAWN, layout=place)
    where = {a: torch.from_numpy(np.ascontiguousarray(side[:, t])) for t, a in enumerate(TASKS)}
    return drawn.images, titles, {a: torch.from_numpy(v) for a, v in truth.items()}, where, batch.draw


def digest() -> str:
    """sha256 of pictures and titles."""
    images, titles, *_ = listings(TEST_SEED, range(100), 0.4)
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(images), *titles])


FROZEN = "6f967b0f740378f92f9113bb1a55ba9f84de83af5253669298fbe0b09869758a"
