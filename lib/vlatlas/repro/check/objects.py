"""Does a dotted name exist in the library? Answered by reading source, without importing it."""

import ast
import functools
from pathlib import Path

from ..sources import Sources


class Objects:
    """Looks up `vlatlas.module.Class.method` in the source files."""

    def __init__(self):
        self.sources = Sources()
        self.tree = functools.cache(self._tree)

    def _tree(self, path: Path) -> ast.Module:
        return ast.parse(path.read_text(encoding="utf-8"))

    def missing(self, dotted: str) -> str | None:
        """None if the object exists, else what is missing, in words."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            path = self.sources.file(".".join(parts[:cut])) if parts[0] == "vlatlas" else None
            if path is not None:
                return self._inside(self.tree(path), parts[:cut], parts[cut:])
        return f"{parts[0]} is not the library" if parts[0] != "vlatlas" else "no such module"

    def _inside(self, node: ast.AST, module: list[str], names: list[str]) -> str | None:
        where = ".".join(module)
        for position, name in enumerate(names):
            found = _defined(node, name)
            if found is None:
                return f"{where} has no {name}"
            if isinstance(found, ast.ImportFrom) and position == 0:
                return self._imported(found, module, name, names[1:])
            where, node = f"{where}.{name}", found
        return None

    def _imported(self, node: ast.ImportFrom, module: list[str], name: str, rest: list[str]) -> str | None:
        original = next(a.name for a in node.names if (a.asname or a.name) == name)
        package = module if self.sources.file(".".join(module)).name == "__init__.py" else module[:-1]
        base = package[: len(package) - node.level + 1] if node.level else []
        return self.missing(".".join([*base, *([node.module] if node.module else []), original, *rest]))


def _defined(node: ast.AST, name: str) -> ast.AST | None:
    for child in getattr(node, "body", []):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and child.name == name:
            return child
        if isinstance(child, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in child.targets):
            return child
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name) and child.target.id == name:
            return child
        if isinstance(child, ast.ImportFrom) and any((a.asname or a.name) == name for a in child.names):
            return child
    return None
