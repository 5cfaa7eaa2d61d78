"""longtext: descriptions of up to eight sentences, and false ones that agree with them up to the last sentence: accuracy
as a function of how far a text encoder reads."""

from ..scenes import World
from ..scenes.graph import Scene
from ..scenes.vocabulary import CONVERSE
from ..scenes.wording import long
from ._digest import digest_of

TEST_SEED = 15_000_000
WORLD = World(objects=(2, 3))
SENTENCES = 8


def descriptions(batch) -> list[list[str]]:
    """For each scene its sentences, one fact each: objects, textures and sizes, relations, background."""
    return long(batch, SENTENCES)


def false(sentence: str, scene: Scene, pick: float) -> str:
    """The sentence with its last fact changed so that it is false of the scene. pick: in [0, 1), which other value.

    Raises:
        ValueError: a sentence that `descriptions` does not write.
    """
    words = sentence.rstrip(".").split()
    if sentence.startswith("there is"):  # "there is a red circle."
        place, present = 3, {o.colour for o in scene.objects}
    elif sentence.startswith("the background"):
        place, present = 3, {scene.background}
    elif len(words) == 4:  # "the circle is striped."
        place, present = 3, {words[3]}
    else:  # "the circle is left of the square."
        for relation, other in CONVERSE.items():
            if f" is {relation} the " in sentence:
                return sentence.replace(relation, other)
        raise ValueError(f"{sentence!r} is no sentence of a description")
    known = next(v for v in (WORLD.colours, WORLD.backgrounds, WORLD.textures, WORLD.sizes) if words[place] in v)
    others = [v for v in known if v not in present]
    words[place] = others[int(pick * len(others))]
    if words[0] == "there":
        words[2] = "an" if words[3][0] in "aeiou" else "a"
    return " ".join(words) + "."


def test(k: int, size: int = 500):
    """(batch, truths, foils, rows): for the scenes `rows` that have k sentences, the first k as one text, and the same with
    the k-th made false.

    Raises:
        ValueError: k outside 1..8.
    """
    if not 1 <= k <= SENTENCES:
        raise ValueError(f"k {k} must be within 1..{SENTENCES}")
    batch = WORLD.batch(TEST_SEED, range(size))
    told, picks = descriptions(batch), batch.draw.uniform(f"longtext.{k}")[:, 0].tolist()
    rows = [b for b in range(size) if len(told[b]) >= k]
    truths = [" ".join(told[b][:k]) for b in rows]
    foils = [" ".join([*told[b][: k - 1], false(told[b][k - 1], batch.graphs[b], picks[b])]) for b in rows]
    return batch, truths, foils, rows


def digest() -> str:
    """sha256 of scenes, descriptions and foils."""
    return digest_of(WORLD, seed=TEST_SEED, texts=[t for k in range(1, SENTENCES + 1) for t in test(k, 100)[2]])


FROZEN = "cb815575d7cb06e809191da3448b3d95606a776e91da741997a47d8baa1cf5d1"
