"""Exercises are numbered on their own page, figures not at all.

Sphinx counts both through the whole book: a new paper would change the number of every exercise behind it, and each build
reads every page again to count. Here a page counts its exercises when it is read.
"""

from sphinx_exercise.nodes import exercise_enumerable_node

KEY = "vlatlas_exercises"


def note(app, doctree) -> None:
    """On reading a page: keep the ids of its numbered exercises, in order."""
    ids = [node["ids"][0] for node in doctree.findall(exercise_enumerable_node) if node["ids"]]
    if ids:
        app.env.metadata[app.env.docname][KEY] = " ".join(ids)


def without_counting(app, env) -> list[str]:
    """Before Sphinx's own count: switch it off."""
    app.config.numfig = False
    return []


def count(app, env) -> list[str]:
    """After it: references to exercises work again, with the numbers of their pages."""
    app.config.numfig = True
    env.toc_fignumbers = {
        page: {"exercise": {name: (k,) for k, name in enumerate(facts[KEY].split(), start=1)}}
        for page, facts in env.metadata.items()
        if KEY in facts
    }
    return []


def setup(app) -> None:
    """Before and after the collectors, which have priority 500."""
    app.connect("doctree-read", note)
    app.connect("env-get-updated", without_counting, priority=100)
    app.connect("env-get-updated", count, priority=900)
