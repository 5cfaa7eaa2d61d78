"""Clips: scenes whose objects move, with verbs, order and narration."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from .english import phrase
from .render import render
from .vocabulary import POSELESS

VERBS = {  # verb -> the same motion played backwards: a single frame does not tell the two apart
    "moves left": "moves right", "moves right": "moves left", "rises": "falls", "falls": "rises",
    "grows": "shrinks", "shrinks": "grows", "turns left": "turns right", "turns right": "turns left",
    "appears": "vanishes", "vanishes": "appears",
}  # fmt: skip
STATIC = "stands still"


@dataclass(frozen=True)
class Clip:
    """B clips of T frames. frames: (B, T, 3, H, W) float32; masks: (B, T, K, H, W) bool; verbs: per clip one
    verb for each object; captions: a sentence each; narration: per clip a list of (start, end, sentence), in
    frames."""

    frames: Tensor
    masks: Tensor
    verbs: list[list[str]]
    captions: list[str]
    narration: list[list[tuple[int, int, str]]]


def clips(batch, frames: int = 8, verbs: tuple[str, ...] = tuple(VERBS), share: float = 1.0, order: bool = False):
    """Set the scenes of a batch in motion.

    Args:
        frames: T. verbs: to choose from. share: probability that an object moves at all (else it stands
        still). order: the objects move one after the other, and the caption says so ("... and then ...").

    Every motion passes the scene's own layout at half time and is symmetric in time, so that the bag of
    frames of "moves left" is that of "moves right". Returns a Clip.

    Raises:
        ValueError: fewer than 2 frames, or an unknown verb.
    """
    unknown = [v for v in verbs if v not in VERBS]
    if unknown or frames < 2:
        raise ValueError(f"frames {frames} must be 2 or more, verbs {unknown} must be of {', '.join(VERBS)}")
    place, k = batch.layout, batch.layout.shape.shape[1]
    pick = batch.draw.integers("video.verb", len(verbs), k)
    pick = _visible(batch, pick, verbs)
    still = batch.draw.uniform("video.still", k) >= share
    counts = place.present.sum(axis=1)
    images, masks = [], []
    for t in range(frames):
        s = np.full((len(batch), k), t / (frames - 1))
        if order:  # slot j moves in its part of the clip, and rests at its ends
            start = np.arange(k)[None, :] / counts[:, None]
            s = np.clip((s - start) * counts[:, None], 0, 1)
        moved = _moved(place, np.where(still, -1, pick), verbs, 2 * s - 1)
        image, mask = render(batch.world, moved, batch.draw)
        images.append(image)
        masks.append(mask)
    named = [[STATIC if still[b, j] else verbs[pick[b, j]] for j in range(counts[b])] for b in range(len(batch))]
    captions, narration = [], []
    for scene, words in zip(batch.graphs, named, strict=True):
        told = [f"{phrase({'colour': o.colour, 'shape': o.shape})} {v}" for o, v in zip(scene.objects, words, strict=True)]
        captions.append((" and then " if order else " and ").join(told) + ".")
        n = len(told)
        spans = [(round(frames * j / n), round(frames * (j + 1) / n)) if order else (0, frames) for j in range(n)]
        narration.append([(a, b, f"{text}.") for (a, b), text in zip(spans, told, strict=True)])
    stack = [torch.from_numpy(np.stack(x, axis=1)) for x in (images, masks)]
    return Clip(*stack, named, captions, narration)


def _visible(batch, pick: np.ndarray, verbs) -> np.ndarray:
    """A circle's turn can't be seen: it gets the first verb that is no turn, where there is one."""
    round_ = np.array([s in POSELESS for s in batch.world.shapes])[batch.layout.shape]
    turns = np.array([v.startswith("turns") for v in verbs])
    return np.where(round_ & turns[pick] & ~turns.all(), turns.argmin(), pick)


def _moved(place, pick: np.ndarray, verbs, s: np.ndarray):
    """The layout at time s (B, K), from -1 (start) to 1 (end). pick: verb numbers, -1 for none."""
    out = place.copy()

    def of(*names):
        return np.isin(pick, [verbs.index(n) for n in names if n in verbs])

    def sign(first):
        return np.where(of(first), -1.0, 1.0)

    free = 0.5 * out.radius
    out.x += np.where(of("moves left", "moves right"), free * sign("moves left") * s, 0)
    out.y += np.where(of("rises", "falls"), free * sign("rises") * s, 0)
    out.radius *= np.where(of("grows", "shrinks"), 0.75 + 0.25 * sign("shrinks") * s, 1)
    out.angle += np.where(of("turns left", "turns right"), -0.8 * sign("turns left") * s, 0)
    gone = np.where(of("appears", "vanishes"), sign("vanishes") * s < 0, False)
    return replace(out, present=out.present & ~gone)


def shuffled(clip: Clip, draw) -> Clip:
    """The same frames in a random order: the control for claims about time."""
    order = torch.from_numpy(draw.permutation("video.shuffle", clip.frames.shape[1]))
    rows = torch.arange(len(order))[:, None]
    return replace(clip, frames=clip.frames[rows, order], masks=clip.masks[rows, order])
