"""subjects: eight things that have no name (a shape with a mark of a second colour), a few pictures of each, and twelve
sentences that ask for the thing elsewhere (personalisation)."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..scenes import World
from ..scenes.vocabulary import SHAPES
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED = 30_000_000
WORLD = World(
    objects=(2, 2), shapes=SHAPES, colours=12, distinct=False, backgrounds=4, resolution=64, rotation=15.0, detail="short"
)
SUBJECTS = (  # shape, texture, colour, shape and colour of the mark
    ("square", "plain", "brown", "star", "lime"),
    ("hexagon", "striped", "lime", "circle", "brown"),
    ("house", "plain", "purple", "heart", "yellow"),
    ("circle", "dotted", "brown", "cross", "white"),
    ("clover", "plain", "pink", "square", "black"),
    ("square", "dotted", "white", "triangle", "red"),
    ("hexagon", "plain", "black", "drop", "cyan"),
    ("circle", "striped", "orange", "diamond", "blue"),
)
PROMPTS = (
    *(f"a picture of {{}} on a {g} background." for g in ("dark", "light", "noisy", "tiled")),
    *(f"a {s} of {{}}." for s in ("sketch", "painting", "blueprint", "photo")),
    "a picture of {} left of a red circle.", "a picture of {} above a blue square.",
    "a picture of two of {}.", "a picture of three of {}.",
)  # fmt: skip
REFERENCES = 4


def pictures(subject: int, seed: int, index) -> tuple[Tensor, object]:
    """Images (B, 3, 64, 64) of a subject at varying size, place, angle and background, and the batch.

    Raises:
        ValueError: a subject outside 0..7.
    """
    if not 0 <= subject < len(SUBJECTS):
        raise ValueError(f"subject {subject} must be within 0..{len(SUBJECTS) - 1}")
    shape, texture, colour, mark, second = SUBJECTS[subject]
    batch = WORLD.batch(seed * 16 + subject, index)
    place = batch.layout.copy()
    place.shape[:] = [[SHAPES.index(shape), SHAPES.index(mark)]]
    place.colour[:] = [[WORLD.colours.index(colour), WORLD.colours.index(second)]]
    place.texture[:] = [[WORLD.textures.index(texture), WORLD.textures.index("plain")]]
    u = batch.draw.uniform("subject.place", 3)
    radius = 0.28 + 0.14 * u[:, :1]
    place.radius[:] = radius * np.array([[1.0, 0.38]])
    for k, axis in enumerate((place.x, place.y), start=1):
        axis[:] = 0.5 + (u[:, k : k + 1] - 0.5) * (1 - 2 * radius)
    place.angle[:, 1] = place.angle[:, 0]
    drawn = replace(batch, layout=place)
    return drawn.images, drawn


def references() -> Tensor:
    """Four pictures of each subject: (8, 4, 3, 64, 64)."""
    return torch.stack([pictures(k, 0, range(REFERENCES))[0] for k in range(len(SUBJECTS))])


def test(each: int = 30) -> tuple[Tensor, Tensor]:
    """Other pictures of the subjects, and which one it is: images (8 * each, 3, 64, 64), labels."""
    images = [pictures(k, TEST_SEED, range(each))[0] for k in range(len(SUBJECTS))]
    return torch.cat(images), torch.arange(len(SUBJECTS)).repeat_interleave(each)


def digest() -> str:
    """sha256 of references and prompts."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[fingerprint(references()), *PROMPTS])


FROZEN = "d3fbe5e26fbfb66dd8698b8667cbbca0de983cedfb26eb5b8a862dba6bce4e0b"
