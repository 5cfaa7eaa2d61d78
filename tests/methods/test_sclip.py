"""Correlative self-attention against loops in float64, and the properties that its mechanism rests on."""

import math

import pytest
import torch

from vlatlas.methods.last_block import query_key
from vlatlas.methods.sclip import (
    MODES,
    correlate,
    correlative,
    entropy,
    identity,
    in_object,
    invariance,
    key_key,
    local,
    query_query,
    random_projection,
    shuffled,
    window,
    window_of_entropy,
)


def loop(r):
    """softmax(r r^T / sqrt(d)) one entry at a time, for r a list of rows."""
    out = []
    for a in r:
        e = [math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(len(a))) for b in r]
        out.append([x / sum(e) for x in e])
    return torch.tensor(out, dtype=torch.float64)


def test_correlative_attention_is_the_papers_sum(block):
    got = correlative(block)
    for b in range(2):
        for h in range(3):
            expected = loop(block.q[b, h].tolist()) + loop(block.k[b, h].tolist())
            torch.testing.assert_close(got[b, h], expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(got.sum(dim=-1), torch.full(got.shape[:3], 2.0, dtype=torch.float64))
    torch.testing.assert_close(query_query(block) + key_key(block), got)


def test_logits_of_a_correlation_are_bounded_by_the_diagonal(block):
    g = torch.log(correlate(block.q))
    g = g - g.diagonal(dim1=-2, dim2=-1)[..., None]  # r_i r_j / tau - r_i r_i / tau
    norm = block.q.square().sum(dim=-1) / block.q.shape[-1] ** 0.5
    bound = torch.maximum(norm[..., None], norm[..., None, :]) - norm[..., None]
    assert bool((g <= bound + 1e-9).all())  # Cauchy-Schwarz: never above the larger of the two diagonal partners


def test_sharpened_it_becomes_twice_the_value_path(block):
    block.q, block.k = (1e3 * torch.nn.functional.normalize(t, dim=-1) for t in (block.q, block.k))
    torch.testing.assert_close(correlative(block), 2 * identity(block), atol=1e-6, rtol=0)


def test_every_modes_rows_add_to_what_its_paper_says(block):
    sums = {name: mode(block).sum(dim=-1).mean().item() for name, mode in MODES.items()}
    assert sums == pytest.approx({name: 2.0 if name == "q-q + k-k" else 1.0 for name in MODES})
    assert torch.equal(MODES["q-k"](block), query_key(block))


def test_a_random_projection_uses_the_tokens_and_neither_queries_nor_keys(block):
    before = random_projection(block, 1)
    block.q, block.k = torch.zeros_like(block.q), torch.zeros_like(block.k)
    assert torch.equal(random_projection(block, 1), before)
    assert not torch.equal(random_projection(block, 2), before)
    block.normed = block.normed.roll(1, dims=1)
    torch.testing.assert_close(random_projection(block, 1), before.roll(1, dims=2).roll(1, dims=3))


def test_shuffling_hands_patches_each_others_rows_and_spares_the_class_token(block):
    a, b = correlative(block), shuffled(block, 3)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(3)) + 1
    assert torch.equal(b[:, :, 0], a[:, :, 0]) and torch.equal(b[:, :, 1:], a[:, :, order])
    assert (order != torch.arange(16) + 1).sum() > 10


def test_a_window_of_given_entropy():
    for nats in (0.5, 1.5, 2.5):
        w = window_of_entropy(4, nats)
        row = [-sum(p * math.log(p) for p in r if p > 0) for r in w.tolist()]
        assert sum(row) / 16 == pytest.approx(nats, abs=1e-6)
        assert float(entropy(w)) == pytest.approx(nats, abs=1e-6) and float(entropy(5 * w)) == pytest.approx(nats, abs=1e-6)
    with pytest.raises(ValueError, match="must be within"):
        window_of_entropy(4, 3.0)
    far, near, self_ = window(4, 1.0)[0, 3], window(4, 1.0)[0, 1], window(4, 1.0)[0, 0]
    assert (near / self_).item() == pytest.approx(math.exp(-0.5)) and (far / self_).item() == pytest.approx(math.exp(-4.5))


def test_the_window_replaces_attention_among_patches_with_rows_that_add_to_two(block):
    w = window(4, 1.0)
    a = local(block, w)
    assert a.shape == (2, 3, 17, 17)
    torch.testing.assert_close(block.patches(a), (2 * w).expand(2, 3, -1, -1))
    assert not a[:, :, 0].any() and not a[:, :, :, 0].any()


def test_invariance_and_the_share_in_the_object_by_hand():
    same = torch.tensor([[0.5, 0.3, 0.2]] * 3)
    assert invariance(same) == pytest.approx(1) and invariance(torch.eye(3)) == pytest.approx(0, abs=1e-7)
    a = torch.tensor([[0.6, 0.4, 0.0], [0.1, 0.4, 0.5], [0.2, 0.2, 0.6]])
    cos = [float(a[i] @ a[j] / a[i].norm() / a[j].norm()) for i in range(3) for j in range(3) if i != j]
    assert invariance(a) == pytest.approx(sum(cos) / 6, abs=1e-6)
    label = torch.tensor([[0, 0, -1]])  # two patches of one object, one of background
    assert in_object(a[None, None], label) == pytest.approx((1.0 + 0.5) / 2)
    assert in_object(2 * a[None, None], label) == pytest.approx(0.75)  # rows need not add to one
    with pytest.raises(ValueError, match="no patch shows an object"):
        in_object(a[None, None], torch.full((1, 3), -1))
