"""CapDec's noise: its size in theory and in fact, what it leaves alone, and the gap by loops."""

import math

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.capdec import cosine_after, epsilon_for, gap, moved, noisy


def unit(*shape, seed=0):
    return F.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=-1)


def test_noise_is_drawn_for_each_entry_and_normalised_afterwards():
    v = unit(3, 7)
    n = torch.randn(3, 7, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    got = noisy(v, 0.3, torch.Generator().manual_seed(4))
    for row in range(3):
        raw = [a + 0.3 * b for a, b in zip(v[row].tolist(), n[row].tolist(), strict=True)]
        length = math.sqrt(sum(x * x for x in raw))
        assert got[row].tolist() == pytest.approx([x / length for x in raw], abs=1e-12)


def test_no_noise_changes_no_bit_and_draws_nothing():
    v, generator = unit(3, 7), torch.Generator().manual_seed(4)
    before = generator.get_state()
    assert torch.equal(noisy(v, 0.0, generator), v) and torch.equal(generator.get_state(), before)
    with pytest.raises(ValueError, match="-0.1"):
        noisy(v, -0.1)


@pytest.mark.parametrize("epsilon", [0.05, 0.1, 0.4])
def test_the_cosine_that_is_left_is_the_predicted_one(epsilon):
    v = unit(4_000, 64)
    left = (v * noisy(v, epsilon, torch.Generator().manual_seed(1))).sum(dim=1).mean().item()
    assert left == pytest.approx(cosine_after(epsilon, 64), abs=0.01)
    assert epsilon_for(cosine_after(epsilon, 64), 64) == pytest.approx(epsilon, abs=1e-12)


def test_the_published_level_leaves_the_cosine_that_the_page_names():
    assert cosine_after(math.sqrt(0.016), 640) == pytest.approx(0.2983, abs=1e-4)
    for bad in (0.0, -0.5, 1.5):
        with pytest.raises(ValueError, match=str(bad)):
            epsilon_for(bad, 64)


def test_an_offset_brings_means_together_and_keeps_length():
    u = F.normalize(unit(500, 16) + torch.eye(16, dtype=torch.float64)[0], dim=-1)
    v = F.normalize(unit(500, 16) + torch.eye(16, dtype=torch.float64)[1], dim=-1)
    shifted = moved(u, v.mean(dim=0) - u.mean(dim=0))
    torch.testing.assert_close(shifted.norm(dim=1), torch.ones(500, dtype=torch.float64))
    assert (shifted.mean(dim=0) - v.mean(dim=0)).norm() < 0.2 * (u.mean(dim=0) - v.mean(dim=0)).norm()


def test_gap_is_the_loop_over_images_and_sentences():
    u, v = unit(5, 6, seed=1), unit(5, 3, 6, seed=2)
    U, V = u.tolist(), v.tolist()
    dot = lambda a, b: sum(x * y for x, y in zip(a, b, strict=True))  # noqa: E731
    matched = [dot(U[i], V[i][s]) for i in range(5) for s in range(3)]
    other = [dot(U[i], V[i - 1][s]) for i in range(5) for s in range(3)]
    far = [max(abs(x - y) for x, y in zip(V[i][s], V[i][t], strict=True)) for i in range(5) for s in range(3) for t in range(s)]
    means = [(sum(r[k] for r in U) / 5, sum(r[k] for row in V for r in row) / 15) for k in range(6)]
    got = gap(u, v)
    assert got["matched"] == pytest.approx(sum(matched) / 15, abs=1e-12)
    assert got["other"] == pytest.approx(sum(other) / 15, abs=1e-12)
    assert got["spread"] == pytest.approx(sum(far) / 15, abs=1e-12)
    assert got["offset"] == pytest.approx(math.sqrt(sum((a - b) ** 2 for a, b in means)), abs=1e-12)
    with pytest.raises(ValueError, match="5 images and 4 rows"):
        gap(u, v[:4])
