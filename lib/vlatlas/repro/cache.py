"""Parsed pages and bibliography, kept between commands and found again by the digest of what was parsed.

The digest covers the file's text and the code that reads it, so an entry is never stale, whatever the clock
says. A damaged or unwritable cache costs time and nothing else.
"""

import hashlib
import json
from pathlib import Path

from . import atomic

READERS = ("bib.py", "bib_parser.py", "front.py", "frontmatter.py", "tex.py", "validate.py", "vocabulary.py")


class Cache:
    """A JSON file of digest -> value; `save()` keeps only what this process asked for."""

    def __init__(self, path: Path):
        self.path = path
        self.salt = hashlib.sha256()
        for name in READERS:
            self.salt.update((Path(__file__).parent / name).read_bytes())
        self.used: dict[str, object] = {}
        self.dirty = False
        try:
            held = json.loads(path.read_bytes())
            self.held = held if isinstance(held, dict) else {}
        except (OSError, ValueError, RecursionError):
            self.held = {}

    def get(self, kind: str, text: str, make):
        """The value of `make()` for this text, from the cache if it is there. The value must be JSON-able."""
        digest = self.salt.copy()
        digest.update(f"\0{kind}\0{text}".encode("utf-8", "surrogatepass"))
        key = digest.hexdigest()
        if key in self.held:
            value = self.held[key]
        else:
            value, self.dirty = make(), True
        self.used[key] = value
        return value

    def save(self) -> None:
        """Write the entries that were asked for, if any is new."""
        if not self.dirty and len(self.used) == len(self.held):
            return
        try:
            atomic.write_text(self.path, json.dumps(self.used, ensure_ascii=False, separators=(",", ":")))
        except OSError:
            return  # a read-only checkout works too, a little slower
