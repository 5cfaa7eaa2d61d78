"""Curation on pools small enough to work out: matching by substrings, survival by enumerating every draw."""

import itertools
import math
import random
from fractions import Fraction

import pytest
import torch

from vlatlas.methods.metaclip import balance, count, entry_probability, keep_probability, match, spaced, threshold

ENTRIES = ["red", "star", "red star", "photo", "new york", "york", "never"]
TEXTS = [
    "a red star, new photo",  # red, star, red star, photo
    "start of a predator",  # nothing: "star" and "red" are parts of words
    "new york: photo! photo?",  # photo once, new york, york
    "red, star",  # red and star, but no "red star" across a comma
    "",
    "NEW YORK",  # case counts
]
BY_HAND = [[0, 1, 2, 3], [], [3, 4, 5], [0, 1], [], []]


def test_matches_worked_out_by_hand():
    assert match(TEXTS, ENTRIES) == BY_HAND
    assert count(BY_HAND, len(ENTRIES)).tolist() == [2, 2, 1, 2, 1, 1, 0]


def test_matching_is_that_of_substrings_between_blanks():
    rng = random.Random(0)
    alphabet = ["a", "b", "ab", "ba", "aa", ",", "."]
    entries = ["a", "b", "ab", "a b", "b a a", "ba ab", "aa", ","]
    texts = [" ".join(rng.choices(alphabet, k=rng.randrange(9))) for _ in range(300)] + ["a,b", "a b,a a", "ab.ba ab"]
    for text, found in zip(texts, match(texts, entries), strict=True):
        padded = f" {text} "
        for mark in ",.":
            padded = padded.replace(mark, f" {mark} ")
        padded = " ".join(padded.split())
        assert found == [k for k, e in enumerate(entries) if f" {e} " in f" {padded} "]


def test_lists_that_cannot_be_matched_are_refused():
    assert spaced("a;b") == ["a", ";", "b"] and match([], ["a"]) == [] and match(["a"], []) == [[]]
    for wrong in (["a", "a"], ["a", " "], ["a b", "a  b"]):
        with pytest.raises(ValueError, match="different"):
            match(["a"], wrong)


def survival(found, counts, t):
    """Probability that at least one entry is drawn, by going through all outcomes, in exact fractions."""
    p = [min(Fraction(1), Fraction(t, max(1, counts[e]))) for e in found]
    total = Fraction(0)
    for outcome in itertools.product((True, False), repeat=len(p)):
        if any(outcome):
            total += math.prod((q if drawn else 1 - q for q, drawn in zip(p, outcome, strict=True)), start=Fraction(1))
    return total


@pytest.mark.parametrize("t", [1, 2, 3, 7, 1000])
def test_survival_is_the_sum_over_all_outcomes(t):
    counts = [40, 7, 3, 1, 0, 12]
    matched = [[], [0], [0, 1], [0, 1, 5], [2], [3, 0], [0, 5], [1, 2, 5, 0]]
    got = keep_probability(matched, torch.tensor(counts), t)
    assert got.tolist() == pytest.approx([float(survival(f, counts, t)) for f in matched], abs=1e-12)


def test_draws_survive_as_often_as_they_should():
    matched = [[0], [0, 1], [0, 2], [1], [], [2, 1, 0]] * 3
    counts = count(matched, 3)
    runs = 4_000
    kept = torch.zeros(len(matched))
    for seed in range(runs):
        kept[balance(matched, counts, 2, seed)] += 1
    want = torch.tensor([float(survival(f, counts.tolist(), 2)) for f in matched])
    error = (want * (1 - want) / runs).sqrt()
    assert ((kept / runs - want).abs() <= 5 * error + 1e-9).all() and kept[4] == 0


def test_an_entry_keeps_at_least_its_cap_and_the_tail_is_kept_whole():
    rng = random.Random(1)
    matched = [sorted(rng.sample(range(6), k=rng.choice((0, 1, 1, 2, 3)))) for _ in range(400)]
    matched = [[e for e in f if e < 5 or rng.random() < 0.05] for f in matched]
    counts = count(matched, 6)
    for t in (3, 20, 60):
        p = keep_probability(matched, counts, t)
        for e in range(6):
            expected = sum(p[i].item() for i, f in enumerate(matched) if e in f)
            assert expected >= min(counts[e].item(), t) - 1e-9
        kept = set(balance(matched, counts, t, 0).tolist())
        rare = {i for i, f in enumerate(matched) if any(counts[e] <= t for e in f)}
        assert rare <= kept and all(matched[i] for i in kept)


def test_no_cap_keeps_all_that_match_and_each_once():
    matched = BY_HAND * 2
    counts = count(matched, len(ENTRIES))
    for t in (math.inf, 4):
        assert balance(matched, counts, t, 0).tolist() == [0, 2, 3, 6, 8, 9]
    assert entry_probability(counts, math.inf).tolist() == [1.0] * len(ENTRIES)
    assert torch.equal(balance(matched, counts, 1, 5), balance(matched, counts, 1, 5))
    for t in (0, -1, math.nan):
        with pytest.raises(ValueError, match="must be positive"):
            balance(matched, counts, t, 0)


def test_the_threshold_gives_the_size_that_was_asked_for():
    matched = [[0]] * 60 + [[0, 1]] * 20 + [[1]] * 15 + [[2]] * 5 + [[]] * 9
    counts = count(matched, 3)
    for size in (3.0, 20.0, 55.5, 99.0):
        t = threshold(matched, counts, size)
        assert keep_probability(matched, counts, t).sum().item() == pytest.approx(size, abs=1e-3)
    assert threshold([[0]] * 10, torch.tensor([10]), 4) == pytest.approx(4, abs=1e-4)  # one entry: t texts survive
    for size in (0, 101):
        with pytest.raises(ValueError, match="100 matched"):
            threshold(matched, counts, size)
    assert keep_probability(matched, counts, threshold(matched, counts, 100)).sum().item() == pytest.approx(100, abs=1e-3)


def test_balancing_flattens_and_foreign_entries_do_not():
    """Zipf counts: the head's share falls when texts bring their own entries, and stays when they bring another text's."""
    rng = random.Random(2)
    weights = [1 / (k + 1) for k in range(10)]
    matched = [[rng.choices(range(10), weights)[0]] for _ in range(3_000)]
    counts = count(matched, 10)
    t = threshold(matched, counts, 1_000)
    own = count([matched[i] for i in balance(matched, counts, t, 0)], 10)
    foreign = random.Random(3).sample(matched, len(matched))
    other = count([matched[i] for i in balance(foreign, counts, t, 0)], 10)
    assert own[0] / own.sum() < 0.15 < 0.3 < other[0] / other.sum() and own[9] == counts[9] and other[9] < 0.6 * counts[9]
