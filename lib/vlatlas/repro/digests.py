"""What a run depends on, as digests: notebook, parameters, library, data, environment; and one key over
all."""

import hashlib
import json
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from .records import Record
from .sources import Sources, read_cells, source_of, tags_of

PARTS = ("notebook", "parameters", "library", "data", "environment")
NUMERIC = ("torch", "numpy", "open_clip_torch", "scikit-learn")  # packages whose version may move a number


def digest(value) -> str:
    """sha256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def environment() -> dict[str, str]:
    """Python's minor version and the versions of the numeric packages."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in NUMERIC:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


@dataclass
class Inputs:
    """Everything a run depends on, read once at its start. `modules` are the library modules known to be
    used."""

    cells: list[dict]
    parameters: dict
    sources: Sources
    modules: list[str]

    @classmethod
    def read(cls, notebook: Path, parameters: dict, sources: Sources | None = None, extra=()) -> "Inputs":
        """Read the notebook and follow its imports; `extra` names modules that an earlier run was seen to
        use."""
        sources = sources or Sources()
        cells = read_cells(notebook)
        named = set(extra)
        for cell in cells:
            if cell["cell_type"] == "code":
                named |= sources.named(_plain(source_of(cell)))
        return cls(cells, parameters, sources, sources.closure(named))

    def with_modules(self, modules) -> "Inputs":
        """The same inputs, with the modules that the run turned out to use."""
        return Inputs(self.cells, self.parameters, self.sources, self.sources.closure({*self.modules, *modules}))

    def freeze(self) -> None:
        """Read the whole library now, so that an edit during the run does not pass for what was run."""
        for path in sorted(self.sources.folder.rglob("*.py")):
            parts = path.relative_to(self.sources.folder).with_suffix("").parts
            self.sources.text(".".join(("vlatlas", *(p for p in parts if p != "__init__"))))

    def digests(self) -> dict[str, str]:
        """Digest of each part, and `key` over all of them."""
        data = {m: self.sources.digest(m) for m in self.modules if m.startswith("vlatlas.data")}
        library = {m: self.sources.digest(m) for m in self.modules if m not in data}
        found = {
            "notebook": digest([[c["cell_type"], source_of(c), sorted(tags_of(c))] for c in self.cells]),
            "parameters": digest(self.parameters),
            "library": digest(library),
            "data": digest([data, self._checkpoint_digests()]),
            "environment": digest(environment()),
        }
        return found | {"key": digest(found)}

    def _checkpoint_digests(self) -> dict[str, str]:
        """Shipped checkpoints that the notebook or a module it uses names, by the sha256 of their files."""
        folder = self.sources.folder / "models" / "checkpoints"
        text = "\n".join([*map(source_of, self.cells)]).encode() + b"".join(map(self.sources.text, self.modules))
        found = {}
        for path in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
            if f'"{path.stem}"'.encode() in text or f"'{path.stem}'".encode() in text:
                found[path.stem] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found


def _plain(source: str) -> str:
    """Cell source without IPython's magics, so that Python can parse it."""
    return "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in source.split("\n"))


def stale(record: Record, notebook: Path, sources: Sources | None = None, environment: bool = False) -> list[str]:
    """Which of notebook, library and data changed since a record was made; empty if it is fresh.

    A record made with other versions of torch is another machine's, not an old one: the environment counts
    only if asked for. Parameters are the record's own, so they are never among the changes.
    """
    extra = record["provenance"].get("modules") or []
    try:
        inputs = Inputs.read(notebook, record["parameters"], sources, [m for m in extra if isinstance(m, str)])
    except ValueError:
        return ["notebook"]
    now = inputs.digests()
    parts = [part for part in PARTS if environment or part != "environment"]
    return [part for part in parts if now[part] != record.digests[part]]
