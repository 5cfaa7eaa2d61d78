"""A page with a warning is read again by the next build, so that a fault is told until it is mended.

Sphinx by itself warns of a fault once: what it has read is not read again before it changes.
"""

import json
import logging
from pathlib import Path

from ..repro import atomic

FILE = "warned.json"
ALL = "*"


class Pages(logging.Filter):
    """At the end of Sphinx's filters of warnings: notes the pages of those that are shown; `*` where none is named."""

    def __init__(self, app):
        super().__init__()
        self.app, self.docs = app, set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record passes."""
        location = str(getattr(record, "location", None) or "")
        doc = self.app.project.path2doc(location.partition(":")[0]) if location else None
        self.docs.add(doc if doc in self.app.env.found_docs else ALL)
        return True


def listen(app) -> None:
    """Join Sphinx's handlers of warnings."""
    app.vlatlas_warned = Pages(app)
    for handler in logging.getLogger("sphinx").handlers:
        if handler.level == logging.WARNING:
            handler.addFilter(app.vlatlas_warned)


def outdated(app, env, added, changed, removed) -> list[str]:
    """The pages that the last build warned of."""
    try:
        docs = set(json.loads((Path(app.doctreedir) / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []  # no warning, or no build yet
    return sorted(env.found_docs if ALL in docs else docs)


def keep(app, exception) -> None:
    """Note them for the next build; one that broke off reads everything anyway."""
    path = Path(app.doctreedir) / FILE
    if app.vlatlas_warned.docs:
        atomic.write_json(path, sorted(app.vlatlas_warned.docs))
    else:
        path.unlink(missing_ok=True)
