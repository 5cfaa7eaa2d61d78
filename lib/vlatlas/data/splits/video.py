"""video: clips of 8 frames. Set "appearance": the verb goes with a colour, one frame tells; set "time": pairs
of opposite motions with the same frames, a single frame is useless."""

import numpy as np
import torch

from ..scenes import World
from ..scenes.video import VERBS, clips
from ._digest import digest_of

TEST_SEED = 8_000_000
WORLD = World(fill=(0.4, 0.6), spread=0.3)
BASE = ("moves left", "moves right", "grows", "shrinks")
NOVEL = ("rises", "falls", "appears", "vanishes")
FRAMES = 8


def time(seed: int, index, novel: bool = False):
    """(clip, labels (B,)): opposite motions; the labels index `BASE` or `NOVEL`."""
    verbs = NOVEL if novel else BASE
    clip = clips(WORLD.batch(seed, index), FRAMES, verbs)
    return clip, torch.tensor([verbs.index(v) for (v,) in clip.verbs])


def appearance(seed: int, index):
    """(clip, labels (B,)): the verb is that of the object's colour (colour number k has verb k of all eight).

    A classifier that sees one frame can be right; the motion agrees with it.
    """
    batch = WORLD.batch(seed, index)
    colour = batch.labels["colour"][:, 0]
    verbs = list(VERBS)[:8]
    parts = [clips(WORLD.batch(seed, batch.draw.index[np.flatnonzero(colour == k)]), FRAMES, (v,))
             for k, v in enumerate(verbs) if (colour == k).any()]  # fmt: skip
    order = torch.cat([torch.nonzero(colour == k)[:, 0] for k in range(8)]).argsort()
    frames = torch.cat([p.frames for p in parts])[order]
    return frames, colour


def digest() -> str:
    """sha256 of the scenes and captions."""
    texts = time(TEST_SEED, range(100))[0].captions + time(TEST_SEED, range(100), True)[0].captions
    return digest_of(WORLD, seed=TEST_SEED, texts=texts)


FROZEN = "f8bc84ce95038c46775a597e8bc4ee717382430ef48c66fae41df14c1e4c6280"
