"""One digest for the data that a split serves."""

import hashlib


def digest_of(*worlds, seed: int = 0, first: int = 100, texts: list[str] | None = None) -> str:
    """sha256 over the worlds' own digests, their first test captions, and further texts."""
    h = hashlib.sha256()
    for world in worlds:
        h.update(world.digest(first).encode())
        h.update("\n".join(world.batch(seed, range(first)).captions).encode())
    h.update("\n".join(texts or []).encode())
    return h.hexdigest()
