"""Catalogue, runs, records, claims. Nothing here imports torch.

The modules load on first use (`repro.catalogue`, `repro.bib`, `repro.claims`, `repro.records`,
`repro.runner`, `repro.toc`, `repro.check`, ...), so that a command pays only for what it needs.
"""

import importlib


def record(slug: str, metrics: dict, figure=None, parameters: dict | None = None):
    """Record what a notebook measured; the last call of every notebook. See
    `vlatlas.repro.recording.record`."""
    from .recording import record as write

    return write(slug, metrics, figure=figure, parameters=parameters)


def __getattr__(name: str):
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
