"""openworld: sixteen known classes, images of none of them (near and far), and support sets in which a share of the
labels or images is wrong. The classes are the combinations of shape and colour that scenes-clip never saw, all of it in a
style that it never saw either."""

from dataclasses import replace

import torch
from torch import Tensor

from ..scenes.degrade import paint_words
from ..scenes.shifts import out_of_distribution
from ._digest import digest_of
from ._tensors import fingerprint
from .distillation import TRAIN as SHIPPED

TEST_SEED, SUPPORT_SEED = 14_000_000, 14_100_000
TRAIN = SHIPPED(styles=("sketch",))
WORLD = TRAIN(split="novel")
STRANGERS = ("near", "shapes", "textures", "words")
RATES, SHOTS = (0.0, 0.2, 0.4, 0.6), 16
PAIRS = sorted({(int(s), int(c)) for s, c, _ in WORLD.combinations})
CLASSES = [{"shape": WORLD.shapes[s], "colour": WORLD.colours[c]} for s, c in PAIRS]
WORDS = ("sale", "new", "open", "stop")


def labels(batch) -> Tensor:
    """(B,) long: the class of each scene, an index into `CLASSES`."""
    pairs = zip(batch.labels["shape"][:, 0].tolist(), batch.labels["colour"][:, 0].tolist(), strict=True)
    return torch.tensor([PAIRS.index(p) for p in pairs])


def test(size: int = 1024) -> tuple[Tensor, Tensor]:
    """Images of known classes and their labels."""
    batch = WORLD.batch(TEST_SEED, range(size))
    return batch.images, labels(batch)


def strangers(kind: str, size: int = 512, seed: int = TEST_SEED + 1) -> Tensor:
    """Images (B, 3, H, W) of no known class: "near" (other combinations of the same words), "shapes" (unknown ones),
    "textures" (a surface that fills the frame), "words" (a painted word and nothing else).

    Raises:
        ValueError: an unknown kind.
    """
    if kind not in STRANGERS:
        raise ValueError(f"kind {kind!r} is unknown; use one of {', '.join(STRANGERS)}")
    if kind == "shapes":
        return out_of_distribution(TRAIN, "far").batch(seed, range(size)).images
    if kind == "near":
        batch = TRAIN.batch(seed, range(4 * size))
        other = (batch.layout.shape[:, 0] + batch.layout.colour[:, 0]) % 4 == 2  # 16 of the 48 seen combinations
        return batch.images[torch.from_numpy(other)][:size]
    batch = TRAIN.batch(seed, range(size))
    place = batch.layout.copy()
    if kind == "textures":
        place.shape[:], place.radius[:] = TRAIN.shapes.index("square"), 1.5
        return replace(batch, layout=place).images
    place.present[:] = False
    empty = replace(batch, layout=place)
    words = [WORDS[k] for k in batch.draw.integers("openworld.word", len(WORDS))[:, 0]]
    return paint_words(empty.images, words, batch.draw)[0]


def support(seed: int, rate: float, shots: int = SHOTS) -> tuple[Tensor, Tensor, Tensor]:
    """`shots` images of each class, labels, and the mask (n,) of what is wrong: `rate` of them, every other one with
    another class's label, the rest with the image of an unknown shape.

    Raises:
        ValueError: a rate outside 0..1.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"rate {rate} must be within 0..1")
    batch = WORLD.batch(SUPPORT_SEED + seed, range(60 * len(CLASSES)))
    y = labels(batch)
    rows = torch.cat([(y == c).nonzero()[:shots, 0] for c in range(len(CLASSES))])
    images, y = batch.images[rows], y[rows]
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    bad = order[: round(rate * len(y))]
    wrong = torch.zeros(len(y), dtype=torch.bool)
    wrong[bad] = True
    swapped, foreign = bad[::2], bad[1::2]
    y[swapped] = (y[swapped] + 1 + order[: len(swapped)] % (len(CLASSES) - 1)) % len(CLASSES)
    if len(foreign):
        images[foreign] = strangers("shapes", len(foreign), SUPPORT_SEED + 1000 + seed)
    return images, y, wrong


def digest() -> str:
    """sha256 of the test, the strangers and one noisy support set."""
    texts = [fingerprint(strangers(k, 50)) for k in STRANGERS] + [str(support(0, 0.4, 4)[1].tolist())]
    return digest_of(WORLD, seed=TEST_SEED, texts=texts)


FROZEN = "ab149e36fd6a680624c77c69a1e69fb91c396a3f34b23e29d68a4bf9e931c582"
