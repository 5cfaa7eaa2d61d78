"""Bytes and files to image tensors, with one error for everything that can be wrong with an image."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SUFFIXES = ("jpg", "jpeg", "png", "webp")


class BrokenImage(ValueError):
    """The data are no image, or an image that is not whole."""


def decode(data) -> Image.Image:
    """An RGB image from bytes, a path or a PIL image. Raises BrokenImage: it can't be decoded to its last
    row."""
    try:
        if isinstance(data, Image.Image):
            return data.convert("RGB")
        with Image.open(io.BytesIO(data) if isinstance(data, bytes) else Path(data)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise BrokenImage(str(error)) from error


def square(resolution: int):
    """A transform: PIL image -> (3, R, R) float32 in [0, 1], the short side resized to R (bicubic), the
    middle kept. Raises ValueError unless resolution >= 1."""
    if resolution < 1:
        raise ValueError(f"resolution {resolution} must be at least 1")

    def transform(image: Image.Image) -> Tensor:
        scale = resolution / min(image.size)
        width, height = (max(resolution, round(n * scale)) for n in image.size)
        x, y = (width - resolution) // 2, (height - resolution) // 2
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        image = image.crop((x, y, x + resolution, y + resolution))
        return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()

    return transform
