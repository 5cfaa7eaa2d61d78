"""Contrastive losses, one a file. Each takes the place of open_clip's: unit-length features, a logit scale, one scalar."""

import importlib

_HOME = {
    "ClipLoss": "clip",
    "clip_loss": "clip",
    "SigLipLoss": "siglip",
    "sigmoid_loss": "siglip",
    "MultiPositiveClipLoss": "multi_positive",
    "multi_positive_clip_loss": "multi_positive",
    "backward_in_chunks": "grad_cache",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
