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
