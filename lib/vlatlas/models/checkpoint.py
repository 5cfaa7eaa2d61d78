"""Checkpoints: safetensors with JSON metadata. Nothing is ever unpickled."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from .clip import CLIP, ClipConfig

Model = TypeVar("Model", bound=nn.Module)


def save_state(path: Path, tensors: dict[str, Tensor], meta: dict) -> None:
    """Write tensors and metadata to `path`, whole or not at all: a temporary file beside it is renamed over it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = save({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, {"vlatlas": json.dumps(meta)})
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load_state(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Tensors and metadata of a file written by `save_state`.

    Raises:
        FileNotFoundError: no such file. ValueError: not a safetensors file, truncated, or without our metadata.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; train one, or check the name")
    try:
        with safe_open(path, framework="pt") as f:
            meta = json.loads((f.metadata() or {})["vlatlas"])
            return {k: f.get_tensor(k) for k in f.keys()}, meta
    except (SafetensorError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a vlatlas checkpoint, or is damaged ({error}); fetch or train it again") from error


def restored(build: Callable[[], Model], tensors: dict[str, Tensor], path: Path) -> Model:
    """The model that `build` makes, with these weights and in evaluation mode. The weights that it is built with are
    drawn aside: a model that is loaded under a seed leaves what follows as it was.

    Raises:
        ValueError: the weights are not this model's; names the file at `path`.
    """
    with torch.random.fork_rng(devices=[]):
        model = build()
    try:
        model.load_state_dict(tensors)  # half precision becomes the float32 that it is built in
    except RuntimeError as error:
        raise ValueError(f"{path}: weights and configuration disagree ({error}); fetch or train it again") from error
    return model.eval()


def save_checkpoint(path: Path, model: CLIP, card: dict) -> str:
    """Write a model with its configuration and card (data, seed, steps, metrics, ...). Returns the file's sha256."""
    save_state(path, model.state_dict(), {"kind": "clip", "config": model.config.as_dict(), "card": card})
    return sha256(path)


def load_checkpoint(path: Path) -> tuple[CLIP, dict]:
    """A model in evaluation mode, and its card.

    Raises:
        FileNotFoundError, ValueError: as `load_state`; also when the weights do not fit the stated configuration.
    """
    tensors, meta = load_state(path)
    if meta.get("kind") != "clip":
        raise ValueError(f"{path} holds a {meta.get('kind', 'training state')!r}, not a model; use load_state")
    known = {f.name for f in fields(ClipConfig)}
    unknown = set(meta["config"]) - known
    if unknown:
        raise ValueError(f"{path} was written by a newer version (unknown settings {sorted(unknown)}); update vlatlas")
    config = ClipConfig(**meta["config"] | {"words": tuple(meta["config"]["words"])})
    return restored(lambda: CLIP(config), tensors, path), meta["card"]


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
