"""Encoders and the two-tower model. `load(name)` gives a ready model: shipped, open_clip's or your own file."""

import importlib

_HOME = {
    "CLIP": "clip",
    "ClipConfig": "clip",
    "Block": "transformer",
    "PatchDropout": "patch_dropout",
    "VisionTransformer": "vision",
    "TextTransformer": "text",
    "WordTokenizer": "tokenizer",
    "load": "zoo",
    "shipped": "zoo",
    "save_checkpoint": "checkpoint",
    "load_checkpoint": "checkpoint",
    "tower_flops": "flops",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    # Imported on first use, so that reading one class does not pay for all of them.
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
