"""A batch of scenes: pixels, labels, graphs and sentences, each made when it is first asked for."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from . import captions as words
from .graph import Scene, SceneObject
from .render import render
from .rng import Draw
from .sample import Layout
from .statement import Statement
from .vocabulary import HIDES, PLACES


@dataclass(frozen=True)
class Batch:
    """B scenes of at most K objects, H by W pixels."""

    world: object = field(repr=False)
    draw: Draw = field(repr=False)
    layout: Layout = field(repr=False)

    def __len__(self) -> int:
        return len(self.draw)

    @cached_property
    def _pixels(self) -> tuple[np.ndarray, np.ndarray]:
        return render(self.world, self.layout, self.draw)

    @property
    def images(self) -> Tensor:
        """(B, 3, H, W) float32 in [0, 1]."""
        return torch.from_numpy(self._pixels[0])

    @property
    def masks(self) -> Tensor:
        """(B, K, H, W) bool: the visible pixels of each object; none where there is no object."""
        return torch.from_numpy(self._pixels[1])

    @cached_property
    def boxes(self) -> Tensor:
        """(B, K, 4) long: x0, y0, x1, y1 of the visible pixels, ends exclusive; zeros where nothing is."""
        masks = self._pixels[1]
        size = masks.shape[-1]
        cols, rows = masks.any(axis=2), masks.any(axis=3)  # (B, K, W), (B, K, H)
        ends = [
            cols.argmax(-1),
            rows.argmax(-1),
            size - cols[..., ::-1].argmax(-1),
            size - rows[..., ::-1].argmax(-1),
        ]
        return torch.from_numpy(np.stack(ends, axis=-1) * rows.any(-1)[..., None])

    @cached_property
    def labels(self) -> dict[str, Tensor]:
        """shape, colour, texture, size, pose, position: (B, K) long; background, style, count: (B,) long. -1:
        there is no object, it has no pose or place to speak of, or the style does not show it."""
        place, out = self.layout, {}
        for name in ("shape", "colour", "texture", "size", "pose", "position"):
            value = place.place if name == "position" else getattr(place, name)
            out[name] = np.where(place.present & ~self._hidden(name)[:, None], value, -1)
        out["background"] = np.where(self._hidden("background"), -1, place.background)
        out["style"], out["count"] = place.style.copy(), place.present.sum(axis=1)
        return {name: torch.from_numpy(value) for name, value in out.items()}

    def _hidden(self, attribute: str) -> np.ndarray:
        """(B,) bool: the scene's style does not show this attribute."""
        return np.array([attribute in HIDES.get(s, ()) for s in self.world.styles])[self.layout.style]

    @cached_property
    def graphs(self) -> list[Scene]:
        """Scene graphs without boxes: they need no pixels."""
        return self._graphs(None)

    @cached_property
    def scenes(self) -> list[Scene]:
        """Scene graphs, with boxes in pixels."""
        return self._graphs(self.boxes.tolist())

    def _graphs(self, boxes) -> list[Scene]:
        w, p = self.world, self.layout
        columns = zip(
            p.shape.tolist(), p.colour.tolist(), p.texture.tolist(), p.size.tolist(), p.pose.tolist(),
            p.place.tolist(), p.x.tolist(), p.y.tolist(), p.radius.tolist(), p.angle.tolist(), strict=True,
        )  # fmt: skip
        counts, grounds, styles = p.present.sum(axis=1).tolist(), p.background.tolist(), p.style.tolist()
        out = []
        for b, (sh, co, te, si, po, pl, x, y, r, an) in enumerate(columns):
            objects = tuple(
                SceneObject(
                    w.shapes[sh[k]], w.colours[co[k]], w.textures[te[k]], w.sizes[si[k]],
                    w.poses[po[k]] if po[k] >= 0 else None, PLACES[pl[k]] if pl[k] >= 0 else None,
                    x[k], y[k], r[k], an[k],
                    None if boxes is None else tuple(boxes[b][k]),
                )
                for k in range(counts[b])
            )  # fmt: skip
            apart = 0.5 / max(2, math.ceil(math.sqrt(counts[b])))  # half a cell
            out.append(Scene(objects, w.backgrounds[grounds[b]], w.styles[styles[b]], apart))
        return out

    @cached_property
    def statements(self) -> list[Statement]:
        """What the captions state."""
        return words.statements(self.graphs, self.draw, self.world)

    @cached_property
    def captions(self) -> list[str]:
        """One true sentence per scene."""
        return words.captions(self)
