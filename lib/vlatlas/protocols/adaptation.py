"""The `adaptation` protocol: sixteen classes that pre-training never showed, a few labelled images of each.

A class is one of the (shape, colour) combinations that scenes-clip's training split leaves out. Everything else of a
scene (size, texture, place, background, style) is nuisance. Support sets and test images are drawn by number from
separate sequences, so no image is in two of them.
"""

from dataclasses import asdict, dataclass
from functools import cache, cached_property

import torch
from torch import Tensor

from ..data.scenes import World
from ..evals import LinearProbe, encode_images
from .shipped import WORLD

SUPPORT, TEST, SHIFT, TUNE = 1_000_000, 2_000_000, 3_000_000, 4_000_000  # first seeds of the sequences
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)


@dataclass(frozen=True)
class Adaptation:
    """The protocol's configuration.

    Attributes:
        test: test images. styles: rendering styles of support and test; shift: styles of the shifted test set, which
            pre-training did not show.
    """

    test: int = 2_048
    styles: tuple[str, ...] = ("flat", "shaded", "photo")
    shift: tuple[str, ...] = ("sketch", "painting")

    @cached_property
    def world(self) -> World:
        """Novel combinations only."""
        return WORLD(split="novel", styles=self.styles)

    @cached_property
    def classes(self) -> list[tuple[str, str]]:
        """(shape, colour) of each class, in the order of the labels."""
        pairs = sorted({(int(s), int(c)) for s, c, _ in self.world.combinations})
        return [(self.world.shapes[s], self.world.colours[c]) for s, c in pairs]

    @cache  # noqa: B019  every encoder and number of shots asks for the same scenes again; it lives as long as its notebook
    def _take(self, world: World, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """`count` scenes and their class labels (B,)."""
        batch = world.batch(seed, range(count))
        shape, colour = batch.labels["shape"][:, 0].tolist(), batch.labels["colour"][:, 0].tolist()
        number = {pair: i for i, pair in enumerate(self._pairs(world))}
        return batch.images, torch.tensor([number[pair] for pair in zip(shape, colour, strict=True)])

    @staticmethod
    def _pairs(world: World) -> list[tuple[int, int]]:
        return sorted({(int(s), int(c)) for s, c, _ in world.combinations})

    def support(self, seed: int, draw: int, shots: int, world: World | None = None) -> tuple[Tensor, Tensor]:
        """`shots` labelled images of each class: (C * shots, 3, H, W) and labels. A larger support set of the same
        (seed, draw) contains the smaller one.

        Raises:
            ValueError: shots below 1.
        """
        if shots < 1:
            raise ValueError(f"shots {shots} must be at least 1; zero-shot needs no support set")
        world = world or self.world
        classes = len(self._pairs(world))
        images, labels = self._take(world, SUPPORT + 1000 * seed + draw, 40 * classes)
        rows = torch.cat([(labels == c).nonzero()[:shots, 0] for c in range(classes)])
        if len(rows) != classes * shots:
            raise ValueError(f"{shots} shots of each class are not among {len(images)} drawn scenes; ask for fewer")
        return images[rows], labels[rows]

    def test_set(self, seed: int, shifted: bool = False) -> tuple[Tensor, Tensor]:
        """Test images (B, 3, H, W) and class labels, in the training styles or in the shifted ones."""
        world = self.world(styles=self.shift) if shifted else self.world
        return self._take(world, (SHIFT if shifted else TEST) + seed, self.test)

    def choose_strength(self, encoder, draws: int = 5, shots: int = 4) -> float:
        """The probe strength that is best on *seen* combinations, at four shots: novel classes take no part."""
        seen = WORLD(split="train", styles=self.styles)
        images, labels = self._take(seen, TUNE, 1_000)
        features = encode_images(encoder, images)
        support = [self.support(999, d, shots, seen) for d in range(draws)]
        support = [(encode_images(encoder, x), y) for x, y in support]

        def score(strength: float) -> float:
            return sum(LinearProbe(strength).fit(x, y).accuracy(features, labels) for x, y in support)

        return max(STRENGTHS, key=score)

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self) | {"strengths": STRENGTHS}
