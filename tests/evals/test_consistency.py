"""Votes of neighbours against sorting by hand, and agreement on cases that one can count."""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from vlatlas.evals.consistency import consistency, neighbour_vote, residuals


def unit(n, d=3, seed=0):
    return F.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64), dim=1)


def voted(query, gallery, labels, k):
    near = sorted(range(len(gallery)), key=lambda i: -float(query @ gallery[i]))[:k]
    count = Counter(int(labels[i]) for i in near)
    return next(int(labels[i]) for i in near if count[int(labels[i])] == max(count.values()))


def test_votes_equal_sorting_by_hand():
    q, g = unit(40, seed=1), unit(60, seed=2)
    labels = torch.randint(5, (60,), generator=torch.Generator().manual_seed(3))
    found = neighbour_vote(q, g, labels, (1, 2, 5, 30, 60))
    for k, guess in found.items():
        assert guess.tolist() == [voted(x, g, labels, k) for x in q]


def test_a_tie_goes_to_the_nearest():
    g = F.normalize(torch.tensor([[1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [1.0, 0.4]]), dim=1)
    assert neighbour_vote(torch.tensor([[1.0, 0.0]]), g, torch.tensor([2, 0, 0, 2]), (4,))[4].tolist() == [2]


def test_agreement_is_counted_on_the_images_asked_for():
    a, b = torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 0, 0])
    assert consistency(a, b) == 0.5
    assert consistency(a, b, torch.tensor([True, False, True, True])) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="no image"):
        consistency(a, b, torch.zeros(4, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        consistency(a[:3], b)


def test_labels_must_fit_the_gallery():
    with pytest.raises(ValueError, match="60 images"):
        neighbour_vote(unit(3), unit(60), torch.zeros(59, dtype=torch.long), (1,))
    with pytest.raises(ValueError, match="k = 9"):
        neighbour_vote(unit(3), unit(5), torch.zeros(5, dtype=torch.long), (9,))


def test_residuals_of_twins_are_zero_and_of_strangers_are_not():
    u, w = unit(50, 6, 4), unit(50, 6, 5)
    twins, strangers = residuals(u, u), residuals(u, w)
    assert twins == {"cross_modal": 0.0, "in_modal": 0.0, "gap": 0.0}
    assert strangers["cross_modal"] == pytest.approx(2, abs=0.15) and strangers["in_modal"] == pytest.approx(2, abs=0.15)
    assert strangers["gap"] == pytest.approx((u.mean(dim=0) - w.mean(dim=0)).norm().item())


def test_residuals_equal_loops():
    u, v = unit(5, 3, 6), unit(5, 3, 7)
    pairs = [(j, k) for j in range(5) for k in range(5) if j != k]
    var = lambda xs: sum((x - sum(xs) / len(xs)) ** 2 for x in xs) / (len(xs) - 1)  # noqa: E731
    S, U, V = ([float(a[j] @ b[k]) for j, k in pairs] for a, b in ((u, v), (u, u), (v, v)))
    across = sum((float(u[j] @ v[k]) - float(u[k] @ v[j])) ** 2 for j, k in pairs) / 20 / var(S)
    inside = sum((x - y) ** 2 for x, y in zip(U, V, strict=True)) / 20 / ((var(U) + var(V)) / 2)
    found = residuals(u, v)
    assert found["cross_modal"] == pytest.approx(across) and found["in_modal"] == pytest.approx(inside)
