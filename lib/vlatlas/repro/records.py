"""Records: what one run leaves. Schema 1; the book's chapter on records documents every field.

A record carries the digest of its own content, so that a number or verdict changed by hand shows. It is a
seal against accidents and wishful edits, not a signature: who recomputes the digest can forge it.
"""

import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from . import atomic
from .claims import judge, paper_verdict
from .stats import mean, sd
from .vocabulary import CLAIM_VERDICTS, METRIC, PROFILES, RESERVED, SLUG

SCHEMA = 1
MAX_BYTES = 20_000_000
DIGESTS = ("notebook", "parameters", "library", "data", "environment", "key")
FIELDS = {
    "schema": int, "slug": str, "profile": str, "seeds": list, "parameters": dict, "metrics": dict,
    "claims": list,
    "controls": list, "verdict": (str, type(None)), "figures": dict, "started": str, "finished": str,
    "provenance": dict, "elapsed_s": (int, float), "peak_memory_mb": (int, float, type(None)),
}  # fmt: skip


class RecordError(ValueError):
    """A record that cannot be read or trusted; the message names the file and the remedy."""


def seal(data: dict) -> str:
    """The digest of a record's content: sha256 of its canonical JSON without the digest itself."""
    digests = {k: v for k, v in data["provenance"]["digests"].items() if k != "record"}
    bare = data | {"provenance": data["provenance"] | {"digests": digests}}
    text = json.dumps(bare, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def summarise(values: list[float]) -> dict:
    """A metric's entry: per-seed values, their mean, and their standard deviation (null for a single
    value)."""
    return {"values": values, "mean": mean(values), "sd": sd(values) if len(values) > 1 else None}


@dataclass(frozen=True)
class Record:
    """One run's result. `data` is the JSON object; `path` the file it was read from or written to."""

    data: dict
    path: Path | None = None

    def __getitem__(self, name: str):
        return self.data[name]

    @property
    def slug(self) -> str:
        return self.data["slug"]

    @property
    def profile(self) -> str:
        return self.data["profile"]

    @property
    def seeds(self) -> list[int]:
        return self.data["seeds"]

    @property
    def metrics(self) -> dict[str, list[float]]:
        """Metric name -> values per seed (a single value where it holds for all seeds)."""
        return {name: entry["values"] for name, entry in self.data["metrics"].items()}

    @property
    def claims(self) -> list[dict]:
        return self.data["claims"]

    @property
    def controls(self) -> list[dict]:
        return self.data["controls"]

    @property
    def verdict(self) -> str | None:
        return self.data["verdict"]

    @property
    def date(self) -> str:
        """The day the run finished (UTC), YYYY-MM-DD."""
        return self.data["finished"][:10]

    @property
    def device(self) -> str:
        return self.data["provenance"].get("device") or "unknown"

    @property
    def digests(self) -> dict[str, str]:
        return self.data["provenance"]["digests"]

    @property
    def own_parameters(self) -> list[str]:
        """The parameters that the user set with `-p`; such a run is not the paper's own."""
        return [name for name in self.data["parameters"] if name not in RESERVED]

    @property
    def sealed(self) -> bool:
        """False if the content was changed after the run wrote it."""
        return self.digests.get("record") == seal(self.data)

    def figures(self) -> dict[str, Path]:
        """The record's figure files that exist beside it, in the notebook's order: file name -> path."""
        if not self.path:
            return {}
        here = {name: self.path.parent / self.figure_file(name) for name in self.data["figures"]}
        return {name: path for name, path in here.items() if path.is_file()}

    def figure_file(self, name: str) -> str:
        """The name of a figure beside this record: `figure.svg` of a run is kept as `cpu.svg`."""
        if self.path is None or self.path.name == "record.json":
            return name
        return self.path.stem + name.removeprefix("figure")

    def rejudged(self, claims: list[dict], controls: list[dict]) -> "Record":
        """The same measurements under the page's present claims, sealed anew."""
        judged, checked = judge(claims, controls, self.data)
        data = self.data | {"claims": judged, "controls": checked, "verdict": paper_verdict(judged)}
        if data["profile"] == "smoke":
            data["verdict"] = None
        digests = {k: v for k, v in self.digests.items() if k != "record"}
        data["provenance"] = self.data["provenance"] | {"digests": digests}
        digests["record"] = seal(data)
        return Record(data, self.path)

    def write(self, path: Path) -> "Record":
        """Write to `path`, whole or not at all. Raises RecordError if the content does not fit the schema."""
        validate(self.data, path)
        atomic.write_json(path, self.data)
        return Record(self.data, Path(path))

    @classmethod
    def read(cls, path: Path) -> "Record":
        """Read and validate. Raises RecordError (damaged, another schema, wrong shape); does not demand the
        seal."""
        path = Path(path)
        try:
            if path.stat().st_size > MAX_BYTES:
                raise RecordError(f"{path} has more than {MAX_BYTES} bytes, so it is no record; delete it and rerun")
            data = json.loads(path.read_bytes().decode())
        except (ValueError, RecursionError) as error:
            if isinstance(error, RecordError):
                raise
            raise RecordError(f"{path} is damaged ({_first_line(error)}); delete it and rerun the paper") from None
        validate(data, path)
        return cls(data, path)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]


def validate(data, path: Path) -> None:
    """Raise RecordError, naming the field, unless `data` has the shape of schema 1."""

    def refuse(what: str, remedy: str = "rerun the paper to write it anew"):
        raise RecordError(f"{path}: {what}; {remedy}")

    if not isinstance(data, dict):
        refuse("a record is a JSON object")
    version = data.get("schema")
    if version != SCHEMA:
        newer = isinstance(version, int) and not isinstance(version, bool) and version > SCHEMA
        refuse(f"schema {version!r}, where {SCHEMA} is read", "update vlatlas" if newer else "rerun the paper")
    for name, kinds in FIELDS.items():
        if name not in data:
            refuse(f"the field {name!r} is missing")
        if not isinstance(data[name], kinds) or isinstance(data[name], bool):
            refuse(f"the field {name!r} is a {type(data[name]).__name__}")
    if not re.fullmatch(SLUG, data["slug"]):
        refuse(f"slug {data['slug']!r} is not a slug")
    if data["profile"] not in PROFILES:
        refuse(f"profile {data['profile']!r} is unknown")
    if not data["seeds"] or not all(type(s) is int for s in data["seeds"]):
        refuse("seeds must be a list of whole numbers")
    _validate_metrics(data, refuse)
    for claim in data["claims"]:
        if not isinstance(claim, dict) or not {"id", "says", "paper", "measured", "check", "verdict"} <= claim.keys():
            refuse("a claim lacks one of id, says, paper, measured, check, verdict")
        if claim["verdict"] not in CLAIM_VERDICTS:
            refuse(f"the claim {claim['id']!r} has the unknown verdict {claim['verdict']!r}")
    for control in data["controls"]:
        if not isinstance(control, dict) or not {"id", "says", "check", "passed"} <= control.keys():
            refuse("a control lacks one of id, says, check, passed")
    digests = data["provenance"].get("digests")
    if not isinstance(digests, dict) or not all(isinstance(digests.get(name), str) for name in DIGESTS):
        refuse(f"provenance.digests must hold {', '.join(DIGESTS)}")


def _validate_metrics(data: dict, refuse) -> None:
    for name, entry in data["metrics"].items():
        if not re.fullmatch(METRIC, name):
            refuse(f"{name!r} is not the name of a metric")
        values = entry.get("values") if isinstance(entry, dict) else None
        if not isinstance(values, list) or len(values) not in (1, len(data["seeds"])):
            refuse(f"metric {name!r} must have one value per seed, or a single one")
        if not all(type(v) in (int, float) and math.isfinite(v) for v in values):
            refuse(f"metric {name!r} has a value that is not a finite number")
        if not {"mean", "sd"} <= entry.keys():
            refuse(f"metric {name!r} lacks its mean or sd")
