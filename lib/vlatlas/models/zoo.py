"""Models by name: shipped ones, open_clip's, or a file of yours."""

import json
from pathlib import Path

from torch import nn

from .checkpoint import load_checkpoint, sha256

CHECKPOINTS = Path(__file__).parent / "checkpoints"


def shipped() -> dict[str, dict]:
    """The checkpoints that come with the package: name -> card."""
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(CHECKPOINTS.glob("*.json"))}


def load(name: str) -> nn.Module:
    """A model in evaluation mode with `encode_image`, `encode_text`, `visual`, `logit_scale` and `tokenizer`.

    Args:
        name: a shipped model ("scenes-clip"), an open_clip pair ("open_clip:ViT-B-32/openai"), an open_clip
            architecture with a local checkpoint ("open_clip:ViT-B-32@path/to/file"), or a path that ends in
            .safetensors.

    Raises:
        ValueError: unknown name (with the known ones), or a shipped file whose sha256 is not its card's.
    """
    if name.startswith("open_clip:"):
        from .open_clip_bridge import load_open_clip

        return load_open_clip(name.removeprefix("open_clip:"))
    if name.endswith(".safetensors"):
        return load_checkpoint(Path(name))[0]
    cards = shipped()
    if name not in cards:
        raise ValueError(
            f"no model {name!r}; shipped are {', '.join(cards) or 'none'}; "
            "or give open_clip:ARCHITECTURE/PRETRAINED, or a .safetensors file"
        )
    path = CHECKPOINTS / f"{name}.safetensors"
    if sha256(path) != cards[name]["sha256"]:
        raise ValueError(f"{path} does not have the sha256 of its card; restore the file from the repository")
    return load_checkpoint(path)[0]
