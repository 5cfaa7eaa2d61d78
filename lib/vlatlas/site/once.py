"""What the tools beneath do again for every page, done once: the pages stay the same, a build takes half the time.

Each function names the work that it saves. None changes what is written.
"""

import functools
import gc
import re
from pathlib import Path

FEW = 8  # pages; below that, starting workers costs more than they save
FRONT = re.compile(r"---\npaper:[^\n]*\n(?:[ \n][^\n]*\n|\n)*---\n")


def rare_collections() -> None:
    """Python looks for garbage after every 700 new objects, and now and then through all; a build makes millions that stay."""
    gc.set_threshold(100_000, 20, 50)


def citation_styles(*_) -> None:
    """Each citation asks what styles are installed, and Python reads the lists of all packages for the answer: read them once."""
    from importlib.metadata import entry_points

    from pybtex import plugin

    every = entry_points()
    plugin.entry_points = functools.cache(lambda **wanted: every.select(**wanted))


def templates(app) -> None:
    """The theme's templates are compiled at each build: keep them beside the doctrees."""
    from jinja2 import FileSystemBytecodeCache

    environment = getattr(app.builder.templates, "environment", None)
    if environment is not None:
        folder = Path(app.doctreedir) / ".templates"
        folder.mkdir(parents=True, exist_ok=True)
        environment.bytecode_cache = FileSystemBytecodeCache(str(folder))


def without_front(source: str) -> str:
    """A page without its front matter `paper:`, which the catalogue has read, and which MyST would parse twice more.

    Lines keep their numbers.
    """
    found = FRONT.match(source)
    return "\n" * found[0].count("\n") + source[found.end() :] if found else source


def read_front(app, docname: str, source: list[str]) -> None:
    """On reading a page: leave out what the catalogue knows."""
    source[0] = without_front(source[0])


def alone(app, env, docnames: list[str]) -> None:
    """An edit of one page needs no workers: they start with nothing and poll for the end."""
    if len({*docnames, *app.builder.get_outdated_docs()}) <= FEW:
        app.parallel = 1


def setup(app) -> None:
    """Before the first page is read."""
    app.connect("config-inited", citation_styles)
    app.connect("builder-inited", templates)
    app.connect("source-read", read_front)
    app.connect("env-before-read-docs", alone)
