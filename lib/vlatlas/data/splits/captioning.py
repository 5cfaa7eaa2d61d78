"""captioning: scenes of one to three objects with five references each; a test of seen and one of novel combinations."""

from ..scenes import World
from ..scenes.english import TEMPLATES, realise
from ..scenes.wording import paraphrase
from ._digest import digest_of

TEST_SEED = 27_000_000
WORLD = World(objects=(1, 3), held_out="combinations")
NOVEL = WORLD(split="novel")
REFERENCES = len(TEMPLATES) + 1


def references(batch) -> list[list[str]]:
    """Five true sentences for each scene: the same statement in the four sentences of the captions and in other words."""
    return [[realise(s, t) for t in range(len(TEMPLATES))] + [paraphrase(s, k)] for k, s in enumerate(batch.statements)]


def test(novel: bool = False, size: int = 500):
    """(batch, references) of seen or of novel combinations."""
    batch = (NOVEL if novel else WORLD).batch(TEST_SEED, range(size))
    return batch, references(batch)


def digest() -> str:
    """sha256 of scenes and references."""
    return digest_of(WORLD, NOVEL, seed=TEST_SEED, texts=[t for n in (False, True) for r in test(n, 100)[1] for t in r])


FROZEN = "51dfcefc54b8756a867ca3d50a97bc53db3df2bab048abd5c0d14d8fb1d78dd7"
