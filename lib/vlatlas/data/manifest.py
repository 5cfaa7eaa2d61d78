"""Accounts of a pass over real data: what was seen, kept and lost, and where it came from."""

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Manifest:
    """Counts of one pass. Every sample that was seen is kept or counted once under what it lacked:
    seen = kept + no_image + no_text + broken_image + cut. `cut`: the shard ended within the sample.
    `missing`: samples that the shards' own statistics promise and that were not seen. digest: sha256 over the
    keys and captions kept, in order."""

    source: str
    licence: str = "unknown"
    shards: int = 0
    unreadable_shards: int = 0
    truncated_shards: int = 0
    seen: int = 0
    kept: int = 0
    no_image: int = 0
    no_text: int = 0
    broken_image: int = 0
    cut: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)
    _hash: object = field(default_factory=hashlib.sha256, repr=False, compare=False)

    LOSSES = ("no_image", "no_text", "broken_image", "cut")
    MOST = 100  # problems that are kept in words; all are counted

    def keep(self, key: str, text) -> None:
        """Count a sample that is used."""
        self.seen += 1
        self.kept += 1
        self._hash.update(json.dumps([key, text], ensure_ascii=False).encode())

    def lose(self, why: str, key: str, detail: str = "") -> None:
        """Count a sample that is not used. why: one of `LOSSES`."""
        if why not in self.LOSSES:
            raise ValueError(f"loss {why!r} is unknown; use one of {', '.join(self.LOSSES)}")
        self.seen += 1
        setattr(self, why, getattr(self, why) + 1)
        self.note(f"{key}: {why.replace('_', ' ')}{': ' + detail if detail else ''}")

    def note(self, text: str) -> None:
        """Keep the first problems in words."""
        if len(self.problems) < self.MOST:
            self.problems.append(text)

    @property
    def digest(self) -> str:
        """sha256 of what was kept so far."""
        return self._hash.hexdigest()

    @property
    def lost(self) -> int:
        """Samples that were seen or promised, and not kept."""
        return self.seen - self.kept + self.missing

    def summary(self) -> str:
        """One line for people."""
        parts = [f"{getattr(self, n)} {n.replace('_', ' ')}" for n in (*self.LOSSES, "missing") if getattr(self, n)]
        shards = f", {self.truncated_shards} of {self.shards} shards truncated" if self.truncated_shards else ""
        shards += f", {self.unreadable_shards} unreadable" if self.unreadable_shards else ""
        losses = ", ".join(parts) or "none lost"
        return f"{self.source}: kept {self.kept} of {self.seen + self.missing} ({losses}){shards}"

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        values = asdict_public(self) | {"digest": self.digest, "lost": self.lost}
        temporary = Path(f"{path}.{os.getpid()}.part")
        temporary.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(temporary, path)


def asdict_public(manifest: Manifest) -> dict:
    """The counts without the running hash."""
    return {k: v for k, v in vars(manifest).items() if not k.startswith("_")}
