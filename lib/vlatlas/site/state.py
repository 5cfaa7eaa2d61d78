"""The catalogue, read once per build."""

from pathlib import Path

from ..repro import catalogue

_loaded: dict[Path, catalogue.Catalogue] = {}


def atlas(app) -> catalogue.Catalogue:
    """The catalogue of the book that is being built."""
    root = Path(app.srcdir)
    if root not in _loaded:
        _loaded[root] = catalogue.load(root)
    return _loaded[root]


def forget(app, *_) -> None:
    """Drop what an earlier build in this process read."""
    _loaded.pop(Path(app.srcdir), None)


def slug_of(docname: str) -> str | None:
    """The paper a page belongs to, or None."""
    parts = docname.split("/")
    return parts[2] if len(parts) == 4 and parts[:2] == ["book", "papers"] else None
