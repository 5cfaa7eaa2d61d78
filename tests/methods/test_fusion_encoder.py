"""The fusion encoder against loops, and who may see what."""

import math

import pytest
import torch

from vlatlas.methods.fusion_encoder import CrossAttention, FusionEncoder

B, P, T, W, V = 3, 4, 5, 8, 11


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return FusionEncoder(6, V, T, width=W, heads=2, embed_dim=7).double()


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(1)
    patches = torch.randn(B, P, 6, generator=generator, dtype=torch.float64)
    return patches, torch.randint(V, (B, T), generator=generator)


def test_cross_attention_is_the_loop():
    torch.manual_seed(2)
    layer = CrossAttention(W, heads=2).double().requires_grad_(False)
    x, z = torch.randn(4, T, W, dtype=torch.float64), torch.randn(B, P, W, dtype=torch.float64)
    rows = torch.tensor([0, 2, 2, 1])
    y = layer(x, z, rows)
    d = W // 2
    for n in range(4):
        for t in range(T):
            q, kv = layer.query(x[n, t]), layer.key_value(z[rows[n]])
            heads = []
            for h in range(2):
                part = slice(h * d, (h + 1) * d)
                k, v = kv[:, :W][:, part], kv[:, W:][:, part]
                e = [math.exp(float(q[part] @ k[p]) / math.sqrt(d)) for p in range(P)]
                heads.append(sum(e[p] / sum(e) * v[p] for p in range(P)))
            torch.testing.assert_close(y[n, t], layer.out(torch.cat(heads)))


def test_a_text_meets_no_image_before_it_is_fused_and_its_own_afterwards(encoder, data):
    patches, ids = data
    z, h = encoder.see(patches), encoder.read(ids)
    fused = encoder.fuse(h, z, torch.arange(B))
    changed = patches.clone()
    changed[1] += 1
    again = encoder.fuse(h, encoder.see(changed), torch.arange(B))
    differs = (again - fused).abs().amax(dim=(1, 2))
    assert differs[1] > 1e-3 and differs[[0, 2]].max() == 0


def test_every_word_reaches_the_class_token_from_both_sides(encoder, data):
    _, ids = data
    for place in range(1, T):
        other = ids.clone()
        other[0, place] = (ids[0, place] + 1) % V
        assert (encoder.text_features(encoder.read(other)) - encoder.text_features(encoder.read(ids)))[0].abs().max() > 1e-6


def test_features_are_of_unit_length(encoder, data):
    patches, ids = data
    for f in (encoder.image_features(encoder.see(patches)), encoder.text_features(encoder.read(ids))):
        torch.testing.assert_close(f.norm(dim=1), torch.ones(B, dtype=torch.float64))


def test_all_pairs_at_once_are_each_pair_alone(encoder, data):
    patches, ids = data
    scores = encoder.match_scores(encoder.see(patches), encoder.read(ids), chunk=2)
    for b in range(B):
        for n in range(B):
            alone = encoder.matches(
                encoder.fuse(encoder.read(ids[n : n + 1]), encoder.see(patches[b : b + 1]), torch.tensor([0]))
            )[0]
            assert scores[b, n].item() == pytest.approx((alone[1] - alone[0]).item())


def test_the_match_is_read_at_the_class_token_alone(encoder, data):
    patches, ids = data
    fused = encoder.fuse(encoder.read(ids), encoder.see(patches), torch.arange(B))
    changed = fused.clone()
    changed[:, 1:] += 1
    assert torch.equal(encoder.matches(changed), encoder.matches(fused))
    changed[:, 0] += 1
    assert not torch.equal(encoder.matches(changed), encoder.matches(fused))


def test_texts_of_another_length_are_refused(encoder, data):
    with pytest.raises(ValueError, match=f"texts of {T - 1} ids"):
        encoder.read(data[1][:, 1:])
    with pytest.raises(ValueError, match="not a multiple"):
        CrossAttention(7, 2)


@pytest.mark.parametrize("tokens", [1, 2])
def test_the_first_tokens_alone_are_those_of_the_whole_with_the_same_gradients(tokens):
    torch.manual_seed(5)
    encoder = FusionEncoder(6, 11, 4, width=8, heads=2, fusion_layers=2).double()
    patches, ids = torch.randn(2, 3, 6, dtype=torch.float64), torch.randint(11, (3, 4))
    rows = torch.tensor([0, 1, 1])
    found = []
    for asked in (None, tokens):
        encoder.zero_grad()
        out = encoder.fuse(encoder.read(ids), encoder.see(patches), rows, asked)[:, :tokens]
        out.square().sum().backward()
        found.append([out.detach(), *(p.grad.clone() for p in encoder.parameters() if p.grad is not None)])
    assert found[1][0].shape == (3, tokens, 8) and len(found[0]) == len(found[1])
    for whole, part in zip(*found, strict=True):
        torch.testing.assert_close(part, whole)
