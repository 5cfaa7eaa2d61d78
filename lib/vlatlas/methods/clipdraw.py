"""CLIPDraw: drawings whose strokes are moved until CLIP agrees with a sentence (Frans et al. 2022)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from .random_views import random_views
from .strokes import render

ANNEAL = ((0.5, 0.4), (0.75, 0.1))  # from this share of the steps on, learning rates are this share of their start
SIDE = 224  # pixels of the original canvas, in which its widths are given
THINNEST, WIDEST = 1 / SIDE, 50 / SIDE


@dataclass
class Strokes:
    """B drawings of K strokes: points (B, K, 4, 2), widths (B, K) and colours (B, K, 4), leaves that learn at rates of
    their own. Points may leave the canvas; widths and colours are put back into their ranges after every step."""

    points: Tensor
    widths: Tensor
    colours: Tensor
    canvas: float = 1.0
    rates: dict[str, float] = field(default_factory=lambda: {"points": 0.02, "widths": 0.005, "colours": 0.05})

    def __len__(self) -> int:
        return len(self.points)

    def groups(self) -> list[dict]:
        """Parameter groups of an optimiser; what has no rate stays as it is."""
        return [{"params": [getattr(self, n).requires_grad_()], "lr": rate} for n, rate in self.rates.items() if rate > 0]

    def render(self, size: int) -> Tensor:
        """Images (B, 3, size, size)."""
        return render(self.points, self.widths, self.colours, size, self.canvas)

    @torch.no_grad()
    def clamp(self) -> None:
        """Widths between one and fifty pixels of 224, colours and opacity in [0, 1]."""
        self.widths.clamp_(THINNEST, WIDEST)
        self.colours.clamp_(0, 1)


@dataclass
class Pixels:
    """B images (B, 3, H, W), every value free: the search space without a pen."""

    values: Tensor
    rate: float = 0.05

    def __len__(self) -> int:
        return len(self.values)

    def groups(self) -> list[dict]:
        """Parameter groups of an optimiser."""
        return [{"params": [self.values.requires_grad_()], "lr": self.rate}]

    def render(self, size: int) -> Tensor:
        """Images (B, 3, size, size), averaged or interpolated where that is not their own size."""
        same = self.values.shape[-1] == size
        return self.values if same else F.interpolate(self.values, (size, size), mode="bilinear", antialias=True)

    @torch.no_grad()
    def clamp(self) -> None:
        """Values in [0, 1]."""
        self.values.clamp_(0, 1)


def random_strokes(drawings: int, strokes: int, generator: torch.Generator, canvas: float = 1.0, width: float = 0.06) -> Strokes:
    """Random curves as the authors' code starts: a first point anywhere, each further one within a tenth of the canvas of
    the last, colour and opacity anything. width: the same for all."""
    start = torch.rand(drawings, strokes, 1, 2, generator=generator)
    steps = 0.1 * (torch.rand(drawings, strokes, 3, 2, generator=generator) - 0.5)
    points = torch.cat([start, start + steps.cumsum(dim=2)], dim=2)
    colours = torch.rand(drawings, strokes, 4, generator=generator)
    return Strokes(points, torch.full((drawings, strokes), width), colours, canvas)


def guide_loss(features: Tensor, text: Tensor, avoid: Tensor | None = None, weight: float = 0.3) -> Tensor:
    r"""$-\frac1M\sum_j u_j^\top v$ summed over drawings, plus `weight` times the cosines with texts to avoid.

    features: (B, M, D) of M views of each drawing, any length; text: (B, D) unit rows; avoid: (A, D) unit rows. Returns ().
    """
    u = F.normalize(features, dim=-1)
    loss = -(u * text[:, None]).sum(dim=-1).mean(dim=1)  # (B,)
    if avoid is not None:
        loss = loss + weight * (u @ avoid.T).sum(dim=-1).mean(dim=1)
    return loss.sum()


def optimise(
    picture: Strokes | Pixels,
    encode: Callable[[Tensor], Tensor],
    text: Tensor,
    steps: int,
    views: int,
    size: int,
    seed: int = 0,
    augment: bool = True,
    canvas: float = 1.0,
    watch: Callable[[int, Tensor], None] | None = None,
) -> list[float]:
    """Move a picture's parameters, in place, until its views resemble the text; the mean cosine before each step.

    Adam on all drawings at once, each with a loss of its own. Without `augment` the encoder sees `views` copies of the image
    as it is: as many calls of the encoder, none of their variety.

    Args:
        encode: images (N, 3, size, size) -> features (N, D), differentiable. text: (B, D) unit rows. watch: called with the
            number of steps done and the images (B, 3, size, size), before each step and after the last.

    Raises:
        ValueError: not one text for each drawing.
    """
    if len(text) != len(picture):
        raise ValueError(f"{len(text)} texts for {len(picture)} drawings; give one for each")
    optimizer, generator = torch.optim.Adam(picture.groups()), torch.Generator().manual_seed(seed)
    first = [group["lr"] for group in optimizer.param_groups]
    cosines = []
    for step in range(steps):
        share = [s for start, s in ANNEAL if step >= start * steps]
        for group, rate in zip(optimizer.param_groups, first, strict=True):
            group["lr"] = rate * (share[-1] if share else 1)
        image = picture.render(size)
        if watch is not None:
            watch(step, image.detach().clone())  # pixels are rendered as themselves and move on
        seen = random_views(image, views, generator, canvas) if augment else image.repeat_interleave(views, dim=0)
        loss = guide_loss(encode(seen).unflatten(0, (len(text), views)), text)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        picture.clamp()
        cosines.append(-loss.item() / len(text))
    if watch is not None:
        watch(steps, picture.render(size).detach().clone())
    return cosines
