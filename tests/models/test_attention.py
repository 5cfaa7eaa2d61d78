"""Attention written out for bfloat16 on a CPU against torch's own kernel."""

import pytest
import torch
import torch.nn.functional as F

from vlatlas.models.transformer import Attention, written_out


@pytest.mark.parametrize("causal", [False, True])
def test_written_out_attention_equals_torchs_with_its_gradients(causal):
    torch.manual_seed(0)
    a = [torch.randn(2, 3, 7, 5, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    b = [x.detach().clone().requires_grad_() for x in a]
    ours, theirs = written_out(*a, is_causal=causal), F.scaled_dot_product_attention(*b, is_causal=causal)
    torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0)
    weight = torch.randn_like(ours)
    (ours * weight).sum().backward()
    (theirs * weight).sum().backward()
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x.grad, y.grad, atol=1e-12, rtol=0)


@pytest.mark.parametrize("causal", [False, True])
def test_bfloat16_on_a_cpu_stays_close_to_float32(causal):
    torch.manual_seed(0)
    attention, x = Attention(24, 2, causal), torch.randn(2, 9, 24)
    exact = attention(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rounded = attention(x)
    assert rounded.dtype == torch.bfloat16
    assert (rounded.float() - exact).abs().max() < 0.02 * exact.abs().max() + 0.01  # 8 bits of mantissa


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("tokens", [1, 4, 9])
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_the_first_tokens_alone_are_those_of_the_whole(causal, tokens, dtype):
    torch.manual_seed(0)
    attention, x = Attention(24, 2, causal).to(dtype), torch.randn(2, 9, 24, dtype=dtype)
    y = attention(x, tokens)
    assert y.shape == (2, tokens, 24)
    torch.testing.assert_close(y, attention(x)[:, :tokens], atol=1e-12 if dtype == torch.float64 else 0.02, rtol=0)
