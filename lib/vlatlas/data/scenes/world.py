"""The world: a configuration, and the batches it gives."""

import hashlib
import itertools
import re
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from . import english
from .batch import Batch
from .captions import DETAILS
from .rng import Draw
from .sample import layout
from .splits import HELD_OUT, allowed
from .statement import Statement
from .vocabulary import BACKGROUNDS, COLOURS, PLACES, POSES, RELATIONS, SHAPES, SIZES, STYLES, TEXTURES

DATA_VERSION = 1  # raised whenever an image or a caption of any world changes
_NAMES = {"shapes": SHAPES, "colours": tuple(COLOURS), "textures": TEXTURES, "backgrounds": BACKGROUNDS}


@dataclass(frozen=True)
class World:
    """What scenes look like. The same (world, seed, index) is the same scene on every machine, in any batch.

    Args:
        resolution: pixels a side, 32 to 224. objects: (fewest, most) in a scene, up to 16.
        shapes, colours, textures, backgrounds: how many, from the front of the vocabulary, or their names.
        sizes: 1, 2 or 3. poses: ("upright",) turned by at most `rotation` degrees, or ("upright", "tilted").
        styles: rendering styles; each scene has one. fill: (least, most) size of an object as a share of its
            cell: the frame, or the frame over the side of the grid that several objects share.
        held_out: "none", "combinations" (of shape and colour), "triples" (and texture) or "shapes".
        split: "train" never shows what is held out, "novel" shows nothing else, "all" shows everything.
        detail: what captions state: "short" (colour, shape), "full" (also size, texture, background), "rich"
            (also pose and place), "varied" (a random part of "full"). An attribute with one value is left
        out. distinct: no two objects of a scene share a shape or a colour. spread: how much of the free room
            a single object strays from the centre (0: centred; from 0.5 on, its place is named and
            labelled). overlap: how far several objects stray from their cells, as a share of a cell. tint:
            the colours' jitter.

    Raises:
        ValueError: a value that the vocabulary or the renderer does not have; names it and the choices.
    """

    resolution: int = 32
    objects: tuple[int, int] = (1, 1)
    shapes: int | tuple[str, ...] = 8
    colours: int | tuple[str, ...] = 8
    textures: int | tuple[str, ...] = 3
    sizes: int = 2
    backgrounds: int | tuple[str, ...] = 4
    styles: tuple[str, ...] = ("flat",)
    poses: tuple[str, ...] = ("upright",)
    rotation: float = 5.0
    fill: tuple[float, float] = (0.65, 0.95)
    held_out: str = "none"
    split: str = "train"
    detail: str = "full"
    distinct: bool = True
    overlap: float = 0.0
    spread: float = 0.1
    tint: float = 0.08

    def __post_init__(self):
        for name, all_names in _NAMES.items():
            object.__setattr__(self, name, _names(name, getattr(self, name), all_names))
        if self.sizes in SIZES:  # a number until here, the names from here on
            object.__setattr__(self, "sizes", SIZES[self.sizes])
        self._check()
        grid = int(np.ceil(np.sqrt(self.objects[1])))
        object.__setattr__(self, "grid", grid)
        table = allowed(self.held_out, self.split, len(self.shapes), len(self.colours), len(self.textures))
        object.__setattr__(self, "combinations", table)
        if self.distinct and self.objects[1] > min(len(set(column)) for column in table.T[:2].tolist()):
            raise ValueError(
                f"{self.objects[1]} distinct objects need that many shapes and colours in {self.split!r}; "
                "use fewer objects or distinct=False"
            )
        palette = np.array([COLOURS[c] for c in self.colours], np.float32)
        object.__setattr__(self, "palette", palette)

    def _check(self) -> None:
        low, high = self.objects
        choices = {"held_out": HELD_OUT, "detail": tuple(DETAILS)}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; use one of {', '.join(known)}")
        if self.sizes not in SIZES.values():
            raise ValueError(f"sizes {self.sizes!r} must be 1, 2 or 3")
        if not 32 <= self.resolution <= 224:
            raise ValueError(f"resolution {self.resolution} must be within 32..224")
        if not 1 <= low <= high <= 16:
            raise ValueError(f"objects {self.objects} must be (fewest, most) within 1..16")
        if not 0 < self.fill[0] < self.fill[1] <= 1:
            raise ValueError(f"fill {self.fill} must be (least, most) with 0 < least < most <= 1")
        if not (0 <= self.spread <= 1 and 0 <= self.overlap <= 1):
            raise ValueError(f"spread {self.spread} and overlap {self.overlap} must be within 0..1")
        if not 0 <= self.rotation <= 45:
            raise ValueError(f"rotation {self.rotation} must be within 0..45 degrees")
        for name, known in (("styles", STYLES), ("poses", POSES)):
            object.__setattr__(self, name, _names(name, tuple(getattr(self, name)), known))

    def __call__(self, **changes) -> "World":
        """The same world with some settings changed: world(split="novel")."""
        return replace(self, sizes=changes.pop("sizes", len(self.sizes)), **changes)

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        """attribute -> its values, in the order of the labels."""
        return {
            "shape": self.shapes, "colour": self.colours, "texture": self.textures, "size": self.sizes,
            "pose": self.poses, "position": PLACES, "background": self.backgrounds, "style": self.styles,
        }  # fmt: skip

    def classes(self, attribute: str) -> list[str]:
        """The values of an attribute, in the order of its labels. Raises ValueError for an unknown one."""
        if attribute not in self.values:
            raise ValueError(f"no attribute {attribute!r}; there are {', '.join(self.values)}")
        return list(self.values[attribute])

    def batch(self, seed: int, index) -> Batch:
        """The scenes number `index` (a range or sequence of integers from 0) of the sequence `seed`."""
        draw = Draw(seed, index)
        if len(draw) == 0 or draw.index.min() < 0:
            raise ValueError(f"index {index!r} must be a non-empty sequence of integers from 0")
        return Batch(self, draw, layout(self, draw))

    def prompts(self, template: int | None = None, **attributes: str) -> list[str]:
        """Zero-shot sentences for a class, e.g. prompts(shape="star", colour="red"): one per prompt template,
        or the one numbered `template`. None of them is a sentence of the captions.

        Raises:
            ValueError: an attribute or a value that this world does not have.
        """
        for name, value in attributes.items():
            if value not in self.classes(name):
                raise ValueError(f"{name} {value!r} does not occur here; there are {', '.join(self.values[name])}")
        attributes = dict(attributes)
        style = attributes.pop("style", None)
        ground = attributes.pop("background", None)
        statement = Statement((attributes,), (), ground, None if style == "flat" else style)
        chosen = range(len(english.PROMPTS)) if template is None else [template]
        texts = [english.prompt(statement, t) for t in chosen]
        return texts if ground is None else [f"{t[:-1]} on a {ground} background." for t in texts]

    def class_prompts(self, *attributes: str) -> list[list[str]]:
        """Prompts of every class: of one attribute in label order, of several with the last one fastest."""
        values = [self.classes(a) for a in attributes]
        return [self.prompts(**dict(zip(attributes, v, strict=True))) for v in itertools.product(*values)]

    @staticmethod
    def vocabulary() -> list[str]:
        """Every word and punctuation mark that an English caption or prompt of any world can contain."""
        text = [*english.TEMPLATES, *english.PROMPTS, *english.NOUNS.values(), *english.PLAIN_NOUNS]
        text += ["a an the at and without object on background", *RELATIONS, *PLACES]
        text += [*SHAPES, *COLOURS, *TEXTURES, *SIZES[3], *POSES, *BACKGROUNDS]
        words = re.findall(r"[a-z]+|[.,]", re.sub(r"\{.*?\}", " ", " ".join(text)))
        return list(dict.fromkeys(words))

    def config(self) -> dict:
        """The settings, as plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def digest(self, first: int = 64) -> str:
        """sha256 over the data version, the settings and the first scenes: 8-bit images, masks, captions."""
        h = hashlib.sha256(repr((DATA_VERSION, sorted(self.config().items()))).encode())
        batch = self.batch(0, range(first))
        h.update((batch.images.numpy() * 255 + 0.5).astype(np.uint8).tobytes())
        h.update(np.packbits(batch.masks.numpy()).tobytes())
        h.update("\n".join(batch.captions).encode())
        return h.hexdigest()


def _names(name: str, given, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names from a number or from names, checked."""
    if isinstance(given, int):
        if not 1 <= given <= len(known):
            raise ValueError(f"{name} {given} must be within 1..{len(known)}")
        return known[:given]
    wrong = [n for n in given if n not in known]
    if wrong or not given or len(set(given)) != len(given):
        raise ValueError(f"{name} {given!r} must be one or more different names of {', '.join(known)}")
    return tuple(given)
