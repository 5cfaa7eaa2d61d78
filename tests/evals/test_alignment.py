"""Alignment of two models against sums in loops, and its invariances."""

import pytest
import torch

from vlatlas.evals.alignment import linear_cka, mean_cosine, rank_correlation


def some(seed, n=12, d=4):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_cka_is_the_alignment_of_centred_gram_matrices_in_loops():
    a, b = some(0), some(1, d=3)

    def centred_gram(x):
        n, means = len(x), [sum(column) / len(x) for column in zip(*x.tolist(), strict=True)]
        y = [[v - m for v, m in zip(row, means, strict=True)] for row in x.tolist()]
        return [[sum(p * q for p, q in zip(y[i], y[j], strict=True)) for j in range(n)] for i in range(n)]

    def inner(k, m):
        return sum(p * q for r, s in zip(k, m, strict=True) for p, q in zip(r, s, strict=True))

    k, m = centred_gram(a), centred_gram(b)
    assert linear_cka(a, b) == pytest.approx(inner(k, m) / (inner(k, k) * inner(m, m)) ** 0.5, rel=1e-10)


def test_a_turned_moved_and_scaled_space_is_the_same_to_cka_and_not_to_cosines():
    a = torch.nn.functional.normalize(some(2), dim=1)
    turn = torch.linalg.qr(some(3, 4, 4)).Q
    assert linear_cka(a, 3 * a @ turn + 5) == pytest.approx(1)
    assert mean_cosine(a, a) == pytest.approx(1) and mean_cosine(a, a @ turn) < 0.9
    assert linear_cka(a, some(4)) < 0.6


def test_the_mean_cosine_is_that_of_matching_rows():
    a, b = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0], [0.8, 0.6]])
    assert mean_cosine(a, b) == pytest.approx((0 + 0.96) / 2)


def test_rank_correlation_by_hand_and_with_ties():
    assert rank_correlation([1.0, 2.0, 3.0], [10.0, 100.0, 1000.0]) == pytest.approx(1)
    assert rank_correlation([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1)
    assert rank_correlation([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    # ranks 0.5, 0.5, 2, 3 and 0, 1, 2, 3, both around 1.5: (1.5 + 0.5 + 0.25 + 2.25) / sqrt(4.5 * 5)
    assert rank_correlation([1.0, 1.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_what_cannot_be_compared_is_refused():
    for a, b in ((some(0), some(1, n=3)), (some(0)[0], some(1)[0]), (some(0, n=1), some(1, n=1))):
        with pytest.raises(ValueError, match="CKA needs"):
            linear_cka(a, b)
    with pytest.raises(ValueError, match="do not vary"):
        linear_cka(torch.ones(5, 2), some(0, n=5))
    with pytest.raises(ValueError, match="same rows"):
        mean_cosine(some(0), some(1, d=3))
    for x, y in (([1.0], [2.0]), ([1.0, 2.0], [3.0, 3.0]), ([1.0, 2.0], [3.0])):
        with pytest.raises(ValueError, match="two or more"):
            rank_correlation(x, y)
