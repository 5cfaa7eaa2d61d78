"""Features of many images or texts, in batches, without gradients."""

import torch
import torch.nn.functional as F
from torch import Tensor


@torch.no_grad()
def encode_images(model, images: Tensor, batch_size: int = 256) -> Tensor:
    """Unit-length image features (B, D), on the CPU, float32.

    The model is put in evaluation mode (no patch is dropped) and back into the mode it was in.

    Args:
        model: anything with `encode_image`, ours or open_clip's. images: (B, 3, H, W).
    """
    return _in_batches(model, model.encode_image, images, batch_size)


@torch.no_grad()
def encode_texts(model, texts: list[str], tokenizer=None, batch_size: int = 1024) -> Tensor:
    """Unit-length text features (B, D), on the CPU, float32; `tokenizer` defaults to the model's own."""
    ids = (tokenizer or model.tokenizer)(texts)
    return _in_batches(model, model.encode_text, ids, batch_size)


def _in_batches(model, encode, inputs: Tensor, batch_size: int) -> Tensor:
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    try:
        parts = [F.normalize(encode(x.to(device)).float(), dim=-1).cpu() for x in inputs.split(batch_size)]
    finally:
        model.train(training)
    return torch.cat(parts)
