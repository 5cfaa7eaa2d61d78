"""Measuring a trained model: features, zero-shot classification, retrieval, linear probes."""

import importlib

_HOME = {
    "encode_images": "features",
    "encode_texts": "features",
    "class_embeddings": "zero_shot",
    "predict": "zero_shot",
    "accuracy": "zero_shot",
    "balanced_accuracy": "zero_shot",
    "recall_at_k": "retrieval",
    "LinearProbe": "linear_probe",
    "shots_to_match": "linear_probe",
    "tiled_topk": "tiled",
    "tiled_recall_at_k": "tiled",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
