"""Analytic multiply-accumulates against torch's own count of a forward pass."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from vlatlas.models import CLIP, ClipConfig
from vlatlas.models.macs import macs_per_pair
from vlatlas.models.tokenizer import END

SIZES = [
    {},
    {"width": 16, "heads": 2, "text_width": 48, "depth": 1, "text_depth": 3},
    {"patch_size": 8, "embed_dim": 24, "pool": "cls", "context": 9},
]


@pytest.mark.parametrize("sizes", SIZES)
def test_the_formula_is_what_a_forward_pass_multiplies(sizes):
    config = ClipConfig(words=("a", "red", "star"), **sizes)
    model = CLIP(config).eval()
    ids = torch.full((1, config.context), END + 1)
    ids[0, -1] = END  # a text of full length
    with (
        torch.no_grad(),
        torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
        FlopCounterMode(display=False) as counter,
    ):
        model(torch.rand(1, 3, config.image_size, config.image_size), ids)
    assert counter.get_total_flops() == 2 * macs_per_pair(config)


def test_by_hand():
    config = ClipConfig(
        words=("a",), image_size=8, patch_size=4, width=4, depth=1, text_width=2, text_depth=1, context=3, embed_dim=5
    )
    image = 4 * 48 * 4 + 4 * 12 * 4 * 4 + 2 * 4 * 4 * 4 + 4 * 5  # patches, four products with W^2, scores and sum, projection
    text = 3 * 12 * 2 * 2 + 2 * 3 * 3 * 2 + 2 * 5
    assert macs_per_pair(config) == image + text
