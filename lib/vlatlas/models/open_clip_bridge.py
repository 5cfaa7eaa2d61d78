"""open_clip's models, by name or from a local checkpoint, with the guards that a mismatch needs."""

from pathlib import Path

import torch
from torch import nn


def load_open_clip(spec: str) -> nn.Module:
    """An open_clip model in evaluation mode, with its tokenizer, preprocessing and pretrained tag as attributes.

    Args:
        spec: "ARCHITECTURE/TAG" (weights are looked for in the local cache, then fetched), "ARCHITECTURE@FILE" for a
            checkpoint file, or "ARCHITECTURE" for random weights.

    Raises:
        ValueError: unknown architecture, unknown tag, or a tag that needs another activation than the architecture's.
        FileNotFoundError: the weights are neither on this machine nor to be had; says how to fetch them elsewhere.
    """
    import open_clip

    head, _, file = spec.partition("@")
    architecture, _, tag = head.partition("/")
    if architecture not in open_clip.list_models():
        raise ValueError(f"open_clip has no architecture {architecture!r}; `open_clip.list_models()` lists them")
    if file and not Path(file).is_file():
        raise FileNotFoundError(f"no checkpoint file at {file!r}; check the path after the @")
    if tag:
        _check_tag(open_clip, architecture, tag)
    try:
        with torch.random.fork_rng(devices=[], enabled=bool(file or tag)):  # loading draws nothing; random weights are drawn
            model, _, preprocess = open_clip.create_model_and_transforms(
                architecture, pretrained=file or tag or None, weights_only=True
            )
    except (OSError, RuntimeError, ConnectionError) as error:
        if file or not tag:
            raise
        raise FileNotFoundError(
            f"the weights {tag!r} of {architecture} are not in the local cache and could not be fetched "
            f'({type(error).__name__}). On a machine with a network run: python -c "import open_clip; '
            f"open_clip.create_model_and_transforms('{architecture}', pretrained='{tag}')\" and copy its cache "
            "folder (HF_HOME, by default ~/.cache/huggingface) here, or give a file: "
            f"open_clip:{architecture}@FILE"
        ) from error
    model.tokenizer = open_clip.get_tokenizer(architecture)
    model.preprocess = preprocess
    model.pretrained = file or tag or None
    return model.eval()


def _check_tag(open_clip, architecture: str, tag: str) -> None:
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        raise ValueError(f"{architecture} has no weights {tag!r}; it has {', '.join(tags) or 'none'}")
    trained_quick = bool(open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu"))
    config_quick = bool(open_clip.get_model_config(architecture).get("quick_gelu"))
    if trained_quick and not config_quick:
        raise ValueError(
            f"{tag!r} was trained with QuickGELU and {architecture} has GELU, which costs accuracy silently; "
            f"use {architecture}-quickgelu/{tag}"
        )
