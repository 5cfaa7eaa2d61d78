"""The towers against references written out by hand."""

import math

import pytest
import torch

from vlatlas.models import CLIP, Block, ClipConfig, TextTransformer, VisionTransformer, tower_flops
from vlatlas.models.flops import block_flops, ideal_speedup
from vlatlas.models.transformer import Attention
from vlatlas.models.vision import patchify

WORDS = ("a", "red", "blue", "circle", "square", ".")


def tiny(**kwargs) -> CLIP:
    torch.manual_seed(0)
    sizes = dict(image_size=16, width=24, depth=2, heads=2, text_width=16, text_depth=2, context=8, embed_dim=8)
    return CLIP(ClipConfig(WORDS, **sizes | kwargs))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_the_formula_token_by_token(causal):
    torch.manual_seed(0)
    attention = Attention(12, 3, causal).double()
    x = torch.randn(2, 5, 12, dtype=torch.float64)
    W, b = attention.qkv.weight, attention.qkv.bias
    expected = torch.zeros_like(x)
    for n in range(2):
        q, k, v = ((x[n] @ W[i * 12 : i * 12 + 12].T + b[i * 12 : i * 12 + 12]) for i in range(3))
        for h in range(3):
            part = slice(4 * h, 4 * h + 4)
            for t in range(5):
                seen = range(t + 1) if causal else range(5)
                e = [math.exp(float(q[t, part] @ k[j, part]) / 2) for j in seen]  # sqrt(4) = 2
                expected[n, t, part] = sum(w * v[j, part] for w, j in zip(e, seen, strict=True)) / sum(e)
    torch.testing.assert_close(attention(x), attention.out(expected), atol=1e-10, rtol=0)


def test_patchify_reads_rows_of_patches():
    images = torch.arange(2 * 3 * 4 * 6, dtype=torch.float32).view(2, 3, 4, 6)
    out = patchify(images, 2)
    assert out.shape == (2, 6, 12)
    for p in range(6):
        r, c = divmod(p, 3)
        assert torch.equal(out[1, p], images[1, :, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].reshape(-1))


def test_text_after_its_end_changes_nothing():
    tower = TextTransformer(9, context=8, width=16, depth=2, heads=2, embed_dim=8).double()
    clean = torch.tensor([[3, 4, 2, 0, 0, 0, 0, 0]])
    dirty = torch.tensor([[3, 4, 2, 7, 8, 2, 5, 6]])
    torch.testing.assert_close(tower(clean), tower(dirty), atol=1e-12, rtol=0)


def test_text_rows_do_not_depend_on_the_length_of_their_neighbours():
    tower = TextTransformer(9, context=8, width=16, depth=2, heads=2, embed_dim=8).double()
    short, long = torch.tensor([[3, 2, 0, 0, 0, 0, 0]]), torch.tensor([[3, 4, 5, 6, 7, 8, 2]])
    torch.testing.assert_close(tower(torch.cat([short, long]))[:1], tower(short), atol=1e-12, rtol=0)


def test_text_errors_name_the_value():
    tower = TextTransformer(9, context=4, width=16, depth=1, heads=2, embed_dim=8)
    with pytest.raises(ValueError, match="5 tokens.*context is 4"):
        tower(torch.tensor([[3, 3, 3, 3, 2]]))
    with pytest.raises(ValueError, match="no end-of-text"):
        tower(torch.tensor([[3, 3, 2], [3, 3, 3]]))


def test_vision_errors_name_the_value():
    with pytest.raises(ValueError, match=r"\(1, 3, 8, 8\).*16"):
        VisionTransformer(16, 4, 24, 1, 2, 8)(torch.rand(1, 3, 8, 8))
    with pytest.raises(ValueError, match="30.*multiple.*4"):
        VisionTransformer(30, 4)
    with pytest.raises(ValueError, match="width 25.*heads 2"):
        Block(25, 2)
    with pytest.raises(ValueError, match="'max'"):
        VisionTransformer(pool="max")


def test_class_token_pooling_reads_the_class_token():
    torch.manual_seed(0)
    tower = VisionTransformer(16, 4, 24, 2, 2, 8, pool="cls").eval()
    x = torch.rand(2, 3, 16, 16)
    assert tower.tokens(x).shape == (2, 17, 24)
    torch.testing.assert_close(tower(x), tower.project(tower.tokens(x)[:, 0]))


def test_forward_gives_what_losses_take():
    model = tiny(init_logit_bias=-10.0)
    ids = model.tokenizer(["a red circle .", "a blue square ."])
    out = model(torch.rand(2, 3, 16, 16), ids)
    assert set(out) == {"image_features", "text_features", "logit_scale", "logit_bias"}
    torch.testing.assert_close(out["image_features"].norm(dim=1), torch.ones(2))
    assert out["logit_bias"].item() == -10
    assert "logit_bias" not in tiny()(torch.rand(2, 3, 16, 16), ids)


def test_logit_scale_is_clipped_at_100():
    model = tiny()
    with torch.no_grad():
        model.logit_scale.fill_(10.0)
    assert model.scale().item() == 100.0


def test_flops_equal_a_count_of_the_matrix_products():
    """Independent count by torch's own flop counter, on a tower without its patch embedding and projection."""
    from torch.utils.flop_counter import FlopCounterMode

    tower = VisionTransformer(32, 4, 48, 3, 4, 8)
    x = torch.randn(1, 64, 48)
    # The counter knows matrix products; on the CPU the attention kernel is counted where it is decomposed.
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        for block in tower.blocks:
            x = block(x)
    assert counter.get_total_flops() == tower_flops(64, 48, 3) == 3 * block_flops(64, 48)


def test_ideal_speedup_by_hand():
    # 64 tokens, width 192: 24 * 64 * 192^2 + 4 * 64^2 * 192 against 16 tokens
    assert ideal_speedup(64, 192, 12, 0.75) == pytest.approx(
        (24 * 64 * 192**2 + 4 * 64**2 * 192) / (24 * 16 * 192**2 + 4 * 16**2 * 192)
    )
    assert ideal_speedup(64, 192, 12, 0.0) == 1.0
