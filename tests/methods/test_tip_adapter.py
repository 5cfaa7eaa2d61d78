"""Tip-Adapter against loops in float64, and what the cache does."""

import math
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F

from vlatlas.methods.tip_adapter import TipAdapter, tip_adapter, tip_adapter_f

C, D, SHOTS = 3, 8, 2


@pytest.fixture
def case():
    generator = torch.Generator().manual_seed(0)
    keys, w, u = (F.normalize(torch.randn(n, D, generator=generator, dtype=torch.float64), dim=1) for n in (6, C, 5))
    return keys, torch.arange(C).repeat_interleave(SHOTS), w, u


def test_the_logits_are_the_equations_by_loops(case):
    keys, labels, w, u = case
    got = TipAdapter(keys, labels, w, scale=20.0, alpha=1.7, beta=4.0)(u)
    for b in range(len(u)):
        for c in range(C):
            zero = 20.0 * sum(float(u[b, d]) * float(w[c, d]) for d in range(D))
            votes = 0.0
            for n in range(len(keys)):
                if int(labels[n]) == c:
                    votes += math.exp(-4.0 * (1 - sum(float(u[b, d]) * float(keys[n, d]) for d in range(D))))
            assert got[b, c].item() == pytest.approx(zero + 1.7 * votes, abs=1e-12)


def test_without_weight_the_cache_changes_no_bit(case):
    keys, labels, w, u = case
    assert torch.equal(TipAdapter(keys, labels, w, 20.0, alpha=0.0)(u), 20.0 * u @ w.T)


def test_a_sharp_cache_is_the_nearest_neighbour_and_a_flat_one_counts_keys(case):
    keys, labels, w, u = case
    sharp = TipAdapter(keys, labels, w, 0.0, beta=300.0)
    nearest = labels[(u @ keys.T).argmax(dim=1)]
    assert torch.equal(sharp.cache(u).argmax(dim=1), nearest)
    flat = TipAdapter(keys, labels, w, 0.0, beta=0.0)
    torch.testing.assert_close(flat.cache(u), torch.full((5, C), float(SHOTS), dtype=torch.float64))


def test_a_small_sharpness_scores_by_the_class_means(case):
    keys, labels, w, u = case
    beta = 1e-6
    votes = TipAdapter(keys, labels, w, 0.0, beta=beta).cache(u)
    sums = torch.stack([keys[labels == c].sum(dim=0) for c in range(C)])
    first_order = SHOTS * (1 - beta) + beta * u @ sums.T  # exp(-b(1-x)) = 1 - b + b x + O(b^2)
    torch.testing.assert_close(votes, first_order, atol=1e-11, rtol=0)


def test_gradients_reach_the_keys_and_nothing_else(case):
    keys, labels, w, u = case
    model = TipAdapter(keys, labels, w, 20.0, alpha=1.7, beta=4.0)
    model.keys.requires_grad_(True)

    def logits(moved):
        return torch.func.functional_call(model, {"keys": moved}, (u,))

    assert torch.autograd.gradcheck(logits, (keys.clone().requires_grad_(True),))
    assert [name for name, p in model.named_parameters() if p.requires_grad] == ["keys"]


def test_fine_tuning_starts_at_the_cache_lowers_the_loss_and_leaves_the_input_alone(case):
    keys, labels, w, _ = (x.float() if x.is_floating_point() else x for x in case)
    task, before = SimpleNamespace(w=w, scale=5.0), keys.clone()
    still = tip_adapter_f(task, keys, labels, lr=1e-12, epochs=1)
    torch.testing.assert_close(still.keys, keys)
    plain, tuned = tip_adapter(task, keys, labels), tip_adapter_f(task, keys, labels, lr=1e-2, epochs=40)
    assert F.cross_entropy(tuned(keys), labels) < 0.9 * F.cross_entropy(plain(keys), labels)
    assert torch.equal(keys, before) and torch.equal(tuned.values, plain.values) and torch.equal(tuned.w, plain.w)


def test_before_other_classes_the_cache_is_silent(case):
    keys, labels, w, u = case
    other = F.normalize(w.flip(1), dim=1)
    moved = TipAdapter(keys, labels, w, 20.0, alpha=3.0).transferred(other)
    assert torch.equal(moved(u), 20.0 * u @ other.T)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 1, 1, 2, 3], [-1, 0, 1, 1, 2, 2]])
def test_labels_that_do_not_fit_are_refused(case, labels):
    keys, _, w, _ = case
    with pytest.raises(ValueError, match="each key needs one label"):
        TipAdapter(keys, torch.tensor(labels), w, 20.0)
