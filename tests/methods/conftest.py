"""What tests of several methods start from."""

import pytest
import torch

from vlatlas.methods.last_block import enter_last_block
from vlatlas.models import CLIP, ClipConfig


@pytest.fixture
def block():
    torch.manual_seed(0)
    model = CLIP(ClipConfig(words=("a",), image_size=16, patch_size=4, width=24, depth=2, heads=3, embed_dim=8, pool="cls"))
    return enter_last_block(model.double().eval(), torch.rand(2, 3, 16, 16, dtype=torch.float64))


@pytest.fixture(scope="module")
def small():
    """A float64 model whose text tower is small enough for finite differences."""
    words = ("this", "is", "a", "red", "blue", "star", "ring", ".")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = dict(width=16, depth=1, heads=2, text_width=8, text_depth=2, text_heads=2, context=10, embed_dim=6)
        return CLIP(ClipConfig(words=words, image_size=8, **sizes)).double().eval().requires_grad_(False)
