"""What the tools load and an HTML build never uses, left out: a third of the time it takes to start.

Each function names what it leaves out and is to be called before the tool is loaded. None changes what is written; whoever
does need what was left out is told so.
"""

import importlib
import sys
import types
from importlib.machinery import PathFinder


def refused(what: str, remedy: str):
    """A class in the place of something left out: to make one raises RuntimeError."""

    class Refused:
        def __init__(self, *_, **__):
            raise RuntimeError(f"the site {what}; {remedy}")

    return Refused


def _stand_in(name: str, **members) -> types.ModuleType:
    """A module of that name with these members, unless the true one is loaded."""
    module = types.ModuleType(name)
    vars(module).update(members)
    return sys.modules.setdefault(name, module)


def no_execution() -> None:
    """MyST-NB loads a database, the clients of kernels and a shell to run notebooks: here `vlatlas reproduce` does."""
    Refused = refused("runs no notebook", "say `execute_notebooks: off` in _config.yml, and run: vlatlas reproduce")
    for way in ("cache", "direct", "inline"):
        _stand_in(f"myst_nb.core.execute.{way}", **{f"NotebookClient{way.title()}": Refused})
    _stand_in("jupyter_client")
    _stand_in("jupyter_client.kernelspec", find_kernel_specs=Refused)  # Jupyter Book lists kernels in another command
    found = PathFinder.find_spec("IPython")
    if found:  # what lies inside it, such as the lexers of tracebacks, is still found
        _stand_in("IPython", __path__=found.submodule_search_locations)
        _stand_in("IPython.display", display=Refused)


def no_network() -> None:
    """The theme and Sphinx load clients of HTTP for images and inventories of other sites: this one needs none."""
    Refused = refused("fetches nothing", "keep what a page shows in the repository")
    names = ("ConnectionError", "HTTPError", "RetryError")
    _stand_in("requests", get=Refused, head=Refused, Session=Refused)
    _stand_in("requests.exceptions", **{name: type(name, (OSError,), {}) for name in names})
    _stand_in("sphinx.util.requests", get=Refused, head=Refused)


def only_html() -> None:
    """Sphinx loads the builders of many formats. LaTeX and gettext stay: others read their options."""
    from sphinx import application

    others = ("changes", "dummy", "epub3", "linkcheck", "manpage", "texinfo", "text", "xml")
    left_out = {*(f"sphinx.builders.{name}" for name in others), *application._first_party_extensions}
    application.builtin_extensions = tuple(name for name in application.builtin_extensions if name not in left_out)


def only_english() -> None:
    """The index of words loads the stemmers of thirty languages: load that which is asked for."""
    found = PathFinder.find_spec("snowballstemmer")

    def stemmer(language: str):
        name = language.lower()
        module = importlib.import_module(f"snowballstemmer.{name}_stemmer")
        return getattr(module, f"{name.title()}Stemmer")()

    if found:
        _stand_in("snowballstemmer", __path__=found.submodule_search_locations, stemmer=stemmer)


def on_first_use(*names: str) -> None:
    """Modules that are imported by many and used by few (CSS selectors; PDF's event loop): loaded when they are used.

    Not `importlib.util.LazyLoader`: a second `import` already loads what it holds back.
    """
    for name in names:
        if name not in sys.modules and PathFinder.find_spec(name):
            sys.modules[name] = _later(name)


def _later(name: str) -> types.ModuleType:
    """A module that makes room for the true one as soon as anything is asked of it."""
    module = types.ModuleType(name)

    def load(attribute: str):
        if sys.modules.get(name) is module:
            del sys.modules[name]
        return getattr(importlib.import_module(name), attribute)

    module.__getattr__ = load
    return module


def leave_out() -> None:
    """All of it."""
    no_execution()
    no_network()
    only_html()
    only_english()
    on_first_use("soupsieve", "asyncio")
