"""All measures by name, and the file and the table they are kept in."""

import importlib
import json

from ...data.splits import NAMES
from ...models import load
from ...paths import root
from ...repro import atomic
from . import answers, matches, parts, whole
from .figure import Figure
from .protocols import PROTOCOLS

_FOUND = {n: getattr(m, n) for m in (whole, matches, answers, parts) for n in NAMES if callable(getattr(m, n, None))}
MEASURES = {name: _FOUND[name] for name in NAMES} | PROTOCOLS  # a split without a measure is an error at import
FILE, TABLE = "book/reference/world/calibration.json", "book/reference/world/protocols.txt"


def measure(name: str) -> Figure:
    """Measure one split or protocol anew. Deterministic."""
    if name in PROTOCOLS:
        what, value, floor, digest = PROTOCOLS[name](load("scenes-clip"))
        return Figure(what, float(value), float(floor), digest)
    split = importlib.import_module(f"vlatlas.data.splits.{name}")
    what, value, floor = MEASURES[name](split, load("scenes-clip"))
    return Figure(what, float(value), float(floor), split.FROZEN)


def read() -> dict[str, Figure]:
    """The committed figures; none if there is no file yet."""
    path = root() / FILE
    return {n: Figure(**v) for n, v in json.loads(path.read_text()).items()} if path.is_file() else {}


def write(figures: dict[str, Figure]) -> None:
    """The file, and the table for the book."""
    atomic.write_json(root() / FILE, {n: figures[n].as_dict() for n in sorted(figures)})
    atomic.write_text(root() / TABLE, table(figures))


def table(figures: dict[str, Figure]) -> str:
    """Markdown: what each split is about, its figure, the floor, and the first digits of the digest."""
    rows = ["| data | what it is | how hard it is | value | floor | digest |", "|---|---|---|--:|--:|---|"]
    for name in sorted(figures):
        home = "protocols" if name in PROTOCOLS else "data.splits"
        about = importlib.import_module(f"vlatlas.{home}.{name}").__doc__.partition(": ")[2]
        about, f = " ".join(about.split("\n\n")[0].split()), figures[name]
        about = about[:1].upper() + about[1:]
        rows.append(f"| `{name}` | {about} | {f.what} | {f.value:.3f} | {f.floor:.3f} | `{f.digest[:8]}` |")
    return "\n".join(rows) + "\n"
