"""What the tools beneath do again for every page, done once: the pages stay the same, a build takes half the time.

Each function names the work that it saves. None changes what is written.
"""

import functools
import gc
import os
import re
import types
from pathlib import Path

FEW = 8  # pages; below that, starting workers costs more than they save
FRONT = re.compile(r"---\npaper:[^\n]*\n(?:[ \n][^\n]*\n|\n)*---\n")


def rare_collections() -> None:
    """Python looks for garbage after every 700 new objects, and now and then through all; a build makes millions that stay."""
    gc.set_threshold(100_000, 20, 50)


def quick_walks() -> None:
    """docutils walks a tree by a generator for each node, inside that of its parent; a page is walked 150 times. One loop with
    a stack visits the same nodes in the same order, at half the cost."""
    from docutils import nodes

    slow = nodes.Node.findall

    def findall(self, condition=None, include_self=True, descend=True, siblings=False, ascend=False):
        if siblings or ascend or not descend:
            return slow(self, condition, include_self, descend, siblings, ascend)
        return walk(self, condition, include_self)

    nodes.Node.findall = findall


def walk(node, condition=None, include_self: bool = True):
    """The nodes of a tree in its order: all, those of a class, or those for which a function is true."""
    kind = condition if isinstance(condition, type) else object
    test = None if condition is None or kind is condition else condition
    if include_self and isinstance(node, kind) and (test is None or test(node)):
        yield node
    stack = [iter(node.children)]
    while stack:
        for child in stack[-1]:
            if isinstance(child, kind) and (test is None or test(child)):
                yield child
            if child.children:
                stack.append(iter(child.children))
                break
        else:
            stack.pop()


def quick_toc() -> None:
    """The external table of contents is read by a loader in C; no hidden or generated folder is searched for pages that it
    does not name; and the collector it takes the place of is looked up, not searched for among all objects of the process."""
    import sphinx_external_toc.collectors as collectors
    import sphinx_external_toc.events as events
    import sphinx_external_toc.parsing as parsing
    import yaml

    def disable(app) -> None:
        handlers = [listener.handler for listener in app.events.listeners["env-get-outdated"]]
        for collector in {getattr(handler, "__self__", None) for handler in handlers}:
            if isinstance(collector, collectors.TocTreeCollector) and collector.listener_ids is not None:
                collector.disable(app)

    collectors.disable_builtin_toctree_collector = disable
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    parsing.yaml = types.SimpleNamespace(safe_load=functools.partial(yaml.load, Loader=loader))
    events.glob = types.SimpleNamespace(iglob=files)


def files(pattern: str, recursive: bool = True):
    """What `glob.iglob("ROOT/**/*SUFFIX")` finds outside _build."""
    root, suffix = pattern.split("/**/*")
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "_build"]
        yield from (f"{folder}/{name}" for name in names if name.endswith(suffix) and not name.startswith("."))


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


def slim_exercises(app, doctree) -> None:
    """sphinx-exercise keeps each exercise and solution for references to it, and with it the page around it, in the state that
    every build loads and saves. A reference needs its attributes and its title."""
    known = getattr(app.env, "sphinx_exercise_registry", {})
    for entry in (entry for entry in known.values() if entry["docname"] == app.env.docname):
        whole = entry["node"]
        slim = entry["node"] = whole.copy()
        slim.extend(child.deepcopy() for child in whole.children[:1])
        for node in slim.findall():
            node.document = None


def alone(app, env, docnames: list[str]) -> None:
    """An edit of one page needs no workers: they start with nothing and poll for the end."""
    if len({*docnames, *app.builder.get_outdated_docs()}) <= FEW:
        app.parallel = 1


def setup(app) -> None:
    """Before the first page is read."""
    app.connect("config-inited", citation_styles)
    app.connect("builder-inited", templates)
    app.connect("source-read", read_front)
    app.connect("doctree-read", slim_exercises)
    app.connect("env-before-read-docs", alone)
