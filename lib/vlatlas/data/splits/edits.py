"""edits: composed retrieval. A reference scene, an instruction, the edited scene; the gallery also holds the
reference itself, other edits of it, and strangers."""

import torch

from ..scenes import World
from ..scenes.edits import edit
from ._digest import digest_of

TEST_SEED = 10_000_000
WORLD = World(objects=(1, 2))
OTHERS = 10


def triplets(seed: int, index):
    """(reference batch, instructions, target batch)."""
    batch = WORLD.batch(seed, index)
    target, texts = edit(batch, 0)
    return batch, texts, target


def gallery(size: int = 50):
    """(reference images (B, 3, H, W), instructions, candidates (B, 2 + OTHERS, 3, H, W)): candidate 0 is the
    target, 1 the reference, then other edits of the same scene (an edit that repeats the target is replaced
    by a stranger)."""
    batch, texts, target = triplets(TEST_SEED, range(size))
    strangers = WORLD.batch(TEST_SEED + 1, range(size)).images
    images = [target.images, batch.images]
    for n in range(1, OTHERS + 1):
        other = edit(batch, n)[0].images
        same = (other == target.images).flatten(1).all(dim=1)
        images.append(torch.where(same[:, None, None, None], strangers, other))
    return batch.images, texts, torch.stack(images, dim=1)


def digest() -> str:
    """sha256 of the scenes and instructions."""
    return digest_of(WORLD, seed=TEST_SEED, texts=triplets(TEST_SEED, range(200))[1])


FROZEN = "57b7f1972b746d81cdac99ceb9c3a87737a9bb3328fc1f03d772133ca45232f9"
