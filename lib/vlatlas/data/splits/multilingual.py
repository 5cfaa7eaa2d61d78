"""multilingual: 1,000 test scenes captioned in English, Chinese and six procedural languages; parallel text
in tiers."""

from ..scenes import World
from ..scenes.languages import Language, chinese, realise_all
from ._digest import digest_of

TEST_SEED, TEXT_SEED = 7_000_000, 7_100_000
WORLD = World(objects=(1, 2))
LANGUAGES = {
    "ba": Language("ba", "latin", 0, False, False),
    "ko": Language("ko", "latin", 1, True, True),
    "ri": Language("ri", "cyrillic", 1, True, False, 0.2),
    "su": Language("su", "cyrillic", 2, False, True),
    "te": Language("te", "greek", 2, True, True, 0.2),
    "vo": Language("vo", "armenian", 1, False, True),
}
TIERS = {"ba": 30_000, "ko": 30_000, "ri": 3_000, "su": 3_000, "te": 300, "vo": 300}  # parallel sentences


def captions(batch, language: str) -> list[str]:
    """The batch's captions in "en", "zh" or one of `LANGUAGES`. Raises ValueError for another."""
    if language == "en":
        return batch.captions
    if language == "zh":
        return [chinese(s) for s in batch.statements]
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is unknown; use en, zh, {', '.join(LANGUAGES)}")
    return realise_all(LANGUAGES[language], batch.statements)


def parallel(language: str, size: int | None = None) -> tuple[list[str], list[str]]:
    """(English, translated) sentences of scenes that occur in no test: the language's tier, or `size` of
    them."""
    batch = WORLD.batch(TEXT_SEED, range(size or TIERS.get(language, 30_000)))
    return batch.captions, captions(batch, language)


def digest() -> str:
    """sha256 of the scenes and of their captions in every language."""
    batch = WORLD.batch(TEST_SEED, range(100))
    return digest_of(WORLD, seed=TEST_SEED, texts=[t for g in ("zh", *LANGUAGES) for t in captions(batch, g)])


FROZEN = "d299df6debac14a385e449cd9b7110aa3e1cdab68d07ec95cc1e49d823190c99"
