"""The catalogue and the library's sources, read once per build."""

from pathlib import Path

from ..repro import catalogue
from ..repro.sources import Sources

_loaded: dict[Path, catalogue.Catalogue] = {}
_sources: dict[Path, Sources] = {}


def atlas(app) -> catalogue.Catalogue:
    """The catalogue of the book that is being built; each record is judged once under its page's claims."""
    root = Path(app.srcdir)
    return _loaded[root] if root in _loaded else keep(catalogue.load(root))


def keep(loaded: catalogue.Catalogue) -> catalogue.Catalogue:
    """Let the build of the catalogue's root use one that was read just now."""
    for paper in loaded.papers.values():
        paper.judged = _once(paper.judged)
    _loaded[loaded.root] = loaded
    return loaded


def sources(app) -> Sources:
    """The library's sources with what each imports."""
    return _sources.setdefault(Path(app.srcdir), Sources())


def _once(judge):
    known = {}

    def judged(record):
        if record.path not in known:
            known[record.path] = judge(record)
        return known[record.path]

    return judged


def forget(app, *_) -> None:
    """Drop what an earlier build in this process read."""
    _loaded.pop(Path(app.srcdir), None)
    _sources.pop(Path(app.srcdir), None)


def slug_of(docname: str) -> str | None:
    """The paper a page belongs to, or None."""
    parts = docname.split("/")
    return parts[2] if len(parts) == 4 and parts[:2] == ["book", "papers"] else None
