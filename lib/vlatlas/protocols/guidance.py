"""The `guidance` protocol: pictures optimised until a guide agrees with a sentence, and read by a judge. Papers: clipdraw.

The guide is scenes-clip. The judge, a convolutional network of another seed, has seen neither the guide's weights nor texts; a
second reader is a linear probe on scenes-supervised. All arms start from the same picture and call the guide equally often.
"""

from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from ..data.splits import guidance
from ..evals import encode_images, encode_texts
from ..methods.clipdraw import Pixels, Strokes, optimise, random_strokes
from ..methods.random_views import random_views
from ..models import load
from .judge import ATTRIBUTES, load_judge
from .shipped import WORLD as SEEN

CANVAS = 0.78  # grey of the world's light background, at which every picture starts
PROBE_SEED = 28_200_000


@dataclass(frozen=True)
class Guidance:
    """One configuration. prompts: sentences of the 48, an even part of them for each seed; strokes: of a drawing; steps of
    Adam and views at each; size: pixels a side; *_rate: learning rates, the best by the guide's score among five settings
    for strokes and four for pixels on seed 10; probe: scenes for the second reader."""

    prompts: int = 16
    strokes: int = 16
    steps: int = 80
    views: int = 2
    size: int = 32
    point_rate: float = 0.04
    width_rate: float = 0.005
    colour_rate: float = 0.05
    pixel_rate: float = 0.1
    probe: int = 2_000
    guide: str = "scenes-clip"

    @cached_property
    def clip(self):
        """The guide, frozen."""
        return load(self.guide).eval().requires_grad_(False)

    def numbers(self, seed: int) -> list[int]:
        """Which of the 48 sentences a seed draws: the first ones of the sequence seed, seed + 3, seed + 6, ..., so that the
        seeds 0, 1, 2 together draw all."""
        return [(seed % 3 + 3 * k) % 48 for k in range(self.prompts)]

    def sentences(self, seed: int) -> list[str]:
        """The sentences of a seed."""
        said = guidance.prompts()
        return [said[n][1] for n in self.numbers(seed)]

    def wanted(self, seed: int) -> dict[str, Tensor]:
        """attribute -> label that each sentence of a seed asks for."""
        said = guidance.prompts()
        things = [said[n][0].objects[0] for n in self.numbers(seed)]
        return {a: torch.tensor([guidance.WORLD.values[a].index(t[a]) for t in things]) for a in ATTRIBUTES}

    @cache  # noqa: B019  a configuration lives as long as its notebook
    def text(self, seed: int) -> Tensor:
        """Unit features (prompts, D) of a seed's sentences."""
        return encode_texts(self.clip, self.sentences(seed))

    def strokes_at_random(self, seed: int, strokes: int | None = None, frozen_points: bool = False) -> Strokes:
        """Random strokes on an empty canvas; with `frozen_points` only widths and colours will learn."""
        g = torch.Generator().manual_seed(seed)
        out = random_strokes(self.prompts, strokes or self.strokes, g, CANVAS)
        rates = {"points": 0.0 if frozen_points else self.point_rate, "widths": self.width_rate, "colours": self.colour_rate}
        return replace(out, rates=rates)

    def pixels_at_random(self, seed: int) -> Pixels:
        """The picture that the random strokes of this seed make, every pixel free."""
        with torch.no_grad():
            return Pixels(self.strokes_at_random(seed).render(self.size), self.pixel_rate)

    def paint(
        self, picture: Strokes | Pixels, seed: int, augment: bool = True, text: Tensor | None = None, watch=None
    ) -> list[float]:
        """Optimise a picture for the seed's sentences, or for other texts; the mean cosine before each step."""
        text = self.text(seed) if text is None else text
        options = dict(seed=seed, augment=augment, canvas=CANVAS, watch=watch)
        return optimise(picture, self.clip.encode_image, text, self.steps, self.views, self.size, **options)

    @torch.no_grad()
    def read(self, picture: Strokes | Pixels, seed: int) -> dict[str, float]:
        """What a finished picture amounts to.

        guide: mean cosine of the picture, as it is, with its sentence; guide_views: of 16 fresh views of it. judge, shape,
        colour: how often the judge sees both attributes, and each; second: both by the second reader. edges: `edge_length`.
        """
        images, text, wanted = picture.render(self.size).clamp(0, 1), self.text(seed), self.wanted(seed)
        views = random_views(images, 16, torch.Generator().manual_seed(1), CANVAS)
        cosine = lambda x, v: (encode_images(self.clip, x) * v).sum(dim=1).mean().item()  # noqa: E731
        named, second = load_judge().name(images), self.second(images)
        right = {a: named[a] == wanted[a] for a in ATTRIBUTES}
        also = torch.stack([second[a] == wanted[a] for a in ATTRIBUTES]).all(dim=0)
        share = lambda x: x.double().mean().item()  # noqa: E731
        return {
            "guide": cosine(images, text),
            "guide_views": cosine(views, text.repeat_interleave(16, dim=0)),
            "judge": share(torch.stack([*right.values()]).all(dim=0)),
            **{a: share(right[a]) for a in ATTRIBUTES},
            "second": share(also),
            "edges": edge_length(images).mean().item(),
        }

    @cached_property
    def _probes(self) -> tuple:
        """A tower trained on labels, and for each attribute ridge regression of its features on the labels, (D + 1, C)."""
        tower = load("scenes-supervised").eval()
        batch = SEEN(split="all").batch(PROBE_SEED, range(self.probe))
        u = F.pad(encode_images(tower, batch.images), (0, 1), value=1.0)
        gram = u.T @ u + 0.1 * torch.eye(u.shape[1])
        one_hot = {a: F.one_hot(batch.labels[a][:, 0], len(SEEN.classes(a))).float() for a in ATTRIBUTES}
        return tower, {a: torch.linalg.solve(gram, u.T @ y) for a, y in one_hot.items()}

    def second(self, images: Tensor) -> dict[str, Tensor]:
        """attribute -> labels that the second reader gives to images (B, 3, 32, 32)."""
        tower, probes = self._probes
        u = F.pad(encode_images(tower, images), (0, 1), value=1.0)
        return {a: (u @ w).argmax(dim=1) for a, w in probes.items()}

    def as_dict(self) -> dict:
        """The configuration as plain data, for a record."""
        return asdict(self)


def edge_length(images: Tensor, threshold: float = 0.1) -> Tensor:
    """(B,) length of the edges in pictures (B, 3, H, W), in sides of the frame: pairs of neighbouring pixels of which some
    channel differs by more than the threshold, each as long as a pixel's side. How complex a drawing is."""
    across = (images.diff(dim=3).abs().amax(dim=1) > threshold).sum(dim=(1, 2))
    down = (images.diff(dim=2).abs().amax(dim=1) > threshold).sum(dim=(1, 2))
    return (across + down) / images.shape[-1]
