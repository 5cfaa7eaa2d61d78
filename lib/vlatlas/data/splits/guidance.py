"""guidance: 48 sentences to draw from, "a <style> of a <size> <colour> <texture> <shape>.", half of them with
combinations that the guide has seen, half with held-out ones; and the scenes on which a judge is trained."""

import torch

from ..scenes import World
from ..scenes.english import realise
from ..scenes.statement import Statement
from ._digest import digest_of
from ._tensors import fingerprint

TEST_SEED, JUDGE_SEED = 28_000_000, 28_100_000
STYLES = ("flat", "photo", "sketch", "painting")
WORLD = World(held_out="combinations", split="all", styles=("flat", "shaded", "photo", "sketch", "painting", "inverted"))
EACH = 24


def prompts() -> list[tuple[Statement, str, bool]]:
    """(statement, sentence, seen): 24 seen combinations of shape and colour, then 24 held-out ones, styles and the other
    attributes in turn."""
    out = []
    for split in ("train", "novel"):
        world = WORLD(split=split)
        pairs = sorted({(int(s), int(c)) for s, c, _ in world.combinations})
        for n in range(EACH):
            s, c = pairs[n * 5 % len(pairs)]  # 5 shares no factor with 48 or 16
            style = STYLES[n % len(STYLES)]
            thing = {
                "size": world.sizes[n // 4 % 2], "colour": world.colours[c], "texture": world.textures[n // 8],
                "shape": world.shapes[s],
            }  # fmt: skip
            statement = Statement((thing,), style=None if style == "flat" else style)
            out.append((statement, realise(statement), split == "train"))
    return out


def drawings(each: int = 10):
    """True pictures of the sentences, what a perfect painter would give: images (48, each, 3, H, W)."""
    out = []
    for n, (statement, _, _) in enumerate(prompts()):
        (thing,) = statement.objects
        world = World(
            shapes=(thing["shape"],), colours=(thing["colour"],), textures=(thing["texture"],),
            styles=(statement.style or "flat",),
        )  # fmt: skip
        batch = world.batch(TEST_SEED + n, range(8 * each))
        fits = [b for b, scene in enumerate(batch.graphs) if scene.objects[0].size == thing["size"]][:each]
        out.append(batch.images[fits])
    return torch.stack(out)


def digest() -> str:
    """sha256 of sentences and drawings."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[s for _, s, _ in prompts()] + [fingerprint(drawings(1))])


FROZEN = "a0b09e52ab621fdcd8887f844e28d49f1980becbf82f3a9a6a4b82fd76456c72"
