"""A small convolutional network that names attributes of a picture's one object; as a judge it shares nothing with a CLIP."""

from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import load_state, restored, save_state


class AttributeCNN(nn.Module):
    """Four stages of two 3 x 3 convolutions, each stage halving the side, global average, one linear head per attribute.

    classes: attribute -> its values, in the order of the labels.

    Shapes: images (B, 3, H, W), H and W multiples of 16, values in [0, 1] -> attribute -> logits (B, classes).
    """

    def __init__(self, classes: dict[str, tuple[str, ...]], widths: tuple[int, ...] = (16, 32, 48, 64)):
        super().__init__()
        self.classes = {k: tuple(v) for k, v in classes.items()}
        self.widths = tuple(widths)
        stages, before = [], 3
        for width in widths:
            for enters in (before, width):
                stages += [nn.Conv2d(enters, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            stages.append(nn.MaxPool2d(2))
            before = width
        self.body = nn.Sequential(*stages)
        self.heads = nn.ModuleDict({name: nn.Linear(before, len(values)) for name, values in self.classes.items()})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        x = self.body((images - 0.5) / 0.25).mean(dim=(2, 3))  # (B, W)
        return {name: head(x) for name, head in self.heads.items()}

    @torch.no_grad()
    def name(self, images: Tensor, batch_size: int = 256) -> dict[str, Tensor]:
        """attribute -> the most likely label of each image, (B,) long. The network must be in evaluation mode.

        Raises:
            ValueError: it is in training mode, in which images of a batch change one another's labels.
        """
        if self.training:
            raise ValueError("the network is in training mode, in which a batch's images change each other: call eval() first")
        parts = [self(x) for x in images.split(batch_size)]
        return {name: torch.cat([p[name].argmax(dim=1) for p in parts]) for name in self.classes}


def save_attributes(path: Path, model: AttributeCNN, card: dict) -> None:
    """Write weights in half precision, the classes and a card (data, seed, steps, metrics, command)."""
    config = {"classes": {k: list(v) for k, v in model.classes.items()}, "widths": list(model.widths)}
    tensors = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    save_state(path, tensors, {"kind": "attributes", "config": config, "card": card})


def load_attributes(path: Path) -> tuple[AttributeCNN, dict]:
    """The network in evaluation mode, and its card.

    Raises:
        FileNotFoundError, ValueError: as `load_state`; also for a file that holds another kind of model, or other weights.
    """
    tensors, meta = load_state(path)
    if meta.get("kind") != "attributes":
        raise ValueError(f"{path} holds a {meta.get('kind', 'training state')!r}, not a network for attributes")
    return restored(lambda: AttributeCNN(**meta["config"]), tensors, path), meta["card"]
