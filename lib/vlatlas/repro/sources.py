"""Which modules of the library a notebook uses, found by reading import statements, not by running them."""

import ast
import hashlib
import json
from pathlib import Path

from .errors import NotebookError

PACKAGE = "vlatlas"
MACHINERY = (
    "repro",
    "site",
    "cli",
    "bench",
    "paths",
    "__main__",
)  # they run and show; no number comes from them


class Sources:
    """The library's source files and what each imports; every file is read once."""

    def __init__(self, folder: Path | None = None):
        self.folder = Path(folder) if folder else Path(__file__).resolve().parents[1]
        self._bytes: dict[str, bytes] = {}
        self._imports: dict[str, set[str]] = {}

    def file(self, module: str) -> Path | None:
        """The file of a module, or None if the library has no such module."""
        parts = module.split(".")[1:]
        base = self.folder.joinpath(*parts)
        for path in (base / "__init__.py", base.with_name(base.name + ".py") if parts else None):
            if path is not None and path.is_file():
                return path
        return None

    def text(self, module: str) -> bytes:
        """A module's source; empty for a namespace package."""
        if module not in self._bytes:
            path = self.file(module)
            self._bytes[module] = path.read_bytes() if path else b""
        return self._bytes[module]

    def digest(self, module: str) -> str:
        """sha256 of a module's source."""
        return hashlib.sha256(self.text(module)).hexdigest()

    def imports(self, module: str) -> set[str]:
        """The library's modules that a module imports, in functions too."""
        if module not in self._imports:
            path = self.file(module)
            package = module if path and path.name == "__init__.py" else module.rpartition(".")[0]
            self._imports[module] = self.named(self.text(module).decode("utf-8", "replace"), package)
        return self._imports[module]

    def named(self, source: str, package: str = "") -> set[str]:
        """The library's modules that a piece of Python source imports; nothing if it is not Python."""
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()
        found = set()
        for node in _statements(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = node.module or ""
                if node.level:
                    above = package.split(".")[: len(package.split(".")) - node.level + 1]
                    base = ".".join([*above, base]) if base else ".".join(above)
                names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            else:
                continue
            found |= {name for name in names if self._counts(name)}
        return found

    def _counts(self, module: str) -> bool:
        parts = module.split(".")
        if parts[0] != PACKAGE or (len(parts) > 1 and parts[1] in MACHINERY):
            return False
        return all(p.isidentifier() for p in parts) and (self.file(module) is not None)

    def closure(self, modules: set[str]) -> list[str]:
        """These modules, the packages around them, and everything they import, sorted."""
        todo, done = set(modules), set()
        while todo:
            module = todo.pop()
            if module in done or not self._counts(module):
                continue
            done.add(module)
            todo |= self.imports(module)
            if "." in module:
                todo.add(module.rpartition(".")[0])
        return sorted(done)


def _statements(tree: ast.AST):
    """A module and every statement in it, however deep; expressions, where no import can stand, are not walked."""
    todo = [tree]
    while todo:
        node = todo.pop()
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, inner, ())


def read_cells(notebook: Path) -> list[dict]:
    """The cells of a notebook file. Raises NotebookError (with the file's name) if it is not one."""
    try:
        data = json.loads(notebook.read_text(encoding="utf-8"))
        cells = data["cells"]
        if not isinstance(cells, list) or not all(isinstance(c, dict) and "cell_type" in c for c in cells):
            raise TypeError("cells is not a list of cells")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotebookError(f"{notebook} is not a notebook ({error or type(error).__name__}); restore it") from None
    return cells


def source_of(cell: dict) -> str:
    """A cell's source as one text (files may hold it as lines)."""
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)


def tags_of(cell: dict) -> list[str]:
    """A cell's tags."""
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [str(t) for t in tags] if isinstance(tags, list) else []


def parameters_of(cells: list[dict]) -> dict[str, object] | None:
    """Names and literal defaults that the cell tagged `parameters` assigns (None: no such cell)."""
    tagged = [c for c in cells if c["cell_type"] == "code" and "parameters" in tags_of(c)]
    if not tagged:
        return None
    found: dict[str, object] = {}
    try:
        body = ast.parse(source_of(tagged[0])).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            if isinstance(target, ast.Name):
                try:
                    found[target.id] = ast.literal_eval(node.value) if node.value is not None else None
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    found[target.id] = None
    return found
