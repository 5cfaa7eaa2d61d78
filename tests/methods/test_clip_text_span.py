"""TextSpan against a brute force in plain Python, and what it must and must not find."""

import pytest
import torch

from vlatlas.methods.clip_text_span import mean_ablated, principal_share, text_span


def variance(xs: list[float]) -> float:
    m = sum(xs) / len(xs)
    return sum((x - m) ** 2 for x in xs)


def dot(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True))


def brute(outputs, texts, steps):
    """Greedy pursuit over lists of floats; the residual is kept by Gram-Schmidt on the chosen texts, not on the data."""
    basis, chosen, gains = [], [], []
    whole = sum(variance(list(column)) for column in zip(*outputs, strict=True))
    for _ in range(steps):
        best, most, new = None, -1.0, None
        for t, text in enumerate(texts):
            rest = list(text)
            for e in basis:
                along = dot(rest, e)
                rest = [x - along * y for x, y in zip(rest, e, strict=True)]
            v = variance([dot(c, rest) for c in outputs])  # outputs need no deflation: rest is orthogonal to the basis
            if v > most:
                best, most, new = t, v, rest
        length = dot(new, new) ** 0.5
        basis.append([x / length for x in new])
        chosen.append(best)
        gains.append(variance([dot(c, basis[-1]) for c in outputs]) / whole)
    return chosen, gains


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_brute_force(seed):
    g = torch.Generator().manual_seed(seed)
    outputs = torch.randn(30, 6, generator=g, dtype=torch.float64) * torch.tensor([3.0, 2, 1, 1, 0.5, 0.2]) + 5
    texts = torch.randn(12, 6, generator=g, dtype=torch.float64) + 1
    span = text_span(outputs, texts, 4, rank=6)
    chosen, gains = brute(outputs.tolist(), texts.tolist(), 4)
    assert span.chosen == chosen
    assert span.gain.tolist() == pytest.approx(gains, abs=1e-10)


def test_texts_are_projected_into_the_heads_subspace():
    """A long text outside the subspace must not win, and what lies outside does not count for the others."""
    g = torch.Generator().manual_seed(0)
    plane = torch.zeros(40, 4)
    plane[:, :2] = torch.randn(40, 2, generator=g) * torch.tensor([3.0, 1.0])
    texts = torch.tensor([[0.2, 0, 9, 9], [1, 0, 0, 0], [0, 1, 0, 50.0]])
    span = text_span(plane, texts, 2, rank=2)
    assert span.chosen == [1, 2] and span.explained == pytest.approx(1)
    noisy = plane + 0.1 * torch.randn(40, 4, generator=g)
    assert text_span(noisy, texts, 2, rank=4).chosen[0] == 2  # without the projection the noise at 50 wins
    assert text_span(noisy, texts, 2, rank=2).chosen[0] == 1


def test_a_planted_role_is_found_and_shares_are_of_families():
    g = torch.Generator().manual_seed(1)
    colours, shapes = torch.linalg.qr(torch.randn(8, 8, generator=g)).Q.split(4)
    picks = torch.randint(4, (200,), generator=g)
    outputs = colours[picks] + 0.2 * shapes[torch.randint(4, (200,), generator=g)]
    span = text_span(outputs, torch.cat([shapes, colours]), 3, rank=8)
    shares = span.shares(["shape"] * 4 + ["colour"] * 4)
    assert shares["colour"] > 0.9 and sum(shares.values()) == pytest.approx(1)
    assert set(span.chosen[:2]) <= {4, 5, 6, 7}


def test_no_basis_beats_the_principal_directions():
    g = torch.Generator().manual_seed(2)
    outputs, texts = torch.randn(50, 8, generator=g), torch.randn(20, 8, generator=g)
    for m in (1, 3, 5):
        assert text_span(outputs, texts, m, rank=8).explained <= principal_share(outputs, m) + 1e-9
    assert principal_share(outputs, 8) == pytest.approx(1)


def test_refuses_what_has_no_answer():
    with pytest.raises(ValueError, match="9 texts"):
        text_span(torch.randn(20, 10), torch.randn(30, 10), 9, rank=8)
    with pytest.raises(ValueError, match="do not vary"):
        text_span(torch.ones(20, 10), torch.randn(30, 10), 2, rank=8)


def test_mean_ablation_keeps_the_mean_and_drops_the_part():
    u, part = torch.randn(40, 5), torch.randn(40, 5)
    cut = mean_ablated(u, part, part.mean(dim=0))
    assert torch.allclose(cut.mean(dim=0), u.mean(dim=0), atol=1e-6)
    assert torch.allclose(cut + part - part.mean(dim=0), u, atol=1e-6)
