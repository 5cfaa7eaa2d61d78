"""Power laws: known exponents come back, numpy and scipy agree, envelopes by brute force, intervals that cover."""

import math

import numpy as np
import pytest
from scipy.stats import linregress

from vlatlas.evals.scaling import PowerLaw, bootstrap, extrapolate, fit_envelope, fit_power_law, lower_envelope

C = np.geomspace(1e6, 3e8, 12)


def noisy(seed, n=40, alpha=-0.3, beta=9.0, noise=0.1):
    draw = np.random.default_rng(seed)
    compute = 10 ** draw.uniform(6, 9, n)
    return compute, beta * compute**alpha * np.exp(noise * draw.standard_normal(n))


def test_an_exact_law_comes_back():
    law = fit_power_law(C, 3.5 * C**-0.164)
    assert law.alpha == pytest.approx(-0.164, abs=1e-12) and law.beta == pytest.approx(3.5, rel=1e-10)
    assert law(C[4]) == pytest.approx(3.5 * C[4] ** -0.164) and law(C).shape == C.shape


@pytest.mark.parametrize("seed", range(4))
def test_fits_are_those_of_scipy_and_numpy(seed):
    compute, error = noisy(seed)
    law, other = fit_power_law(compute, error), linregress(np.log(compute), np.log(error))
    assert law.alpha == pytest.approx(other.slope, rel=1e-9) and math.log(law.beta) == pytest.approx(other.intercept, rel=1e-9)
    assert law.alpha == pytest.approx(np.polyfit(np.log10(compute), np.log10(error), 1)[0], rel=1e-9)  # base does not matter
    assert law.alpha == pytest.approx(fit_power_law(compute / 1e6, 100 * error).alpha, rel=1e-9)  # nor do units


def test_ten_times_the_compute_multiplies_the_error_by_ten_to_the_alpha():
    law = PowerLaw(-0.11, 2.0)
    assert law(1e9) / law(1e8) == pytest.approx(10**-0.11)


@pytest.mark.parametrize("bins", [2, 3, 5, 9])
@pytest.mark.parametrize("seed", range(3))
def test_the_envelope_by_brute_force(bins, seed):
    compute, error = noisy(seed, noise=0.5)
    low, high = math.log(min(compute)), math.log(max(compute))
    wanted = []
    for k in range(bins):
        start, end = low + (high - low) * k / bins, low + (high - low) * (k + 1) / bins
        inside = [
            r
            for r in range(len(compute))
            if start <= math.log(compute[r]) < end or (k == bins - 1 and compute[r] == max(compute))
        ]
        if inside:
            wanted.append(min(inside, key=lambda r: error[r]))
    assert lower_envelope(compute, error, bins).tolist() == wanted
    law = fit_envelope(compute, error, bins)
    assert law.alpha == pytest.approx(linregress(np.log(compute[wanted]), np.log(error[wanted])).slope, rel=1e-9)


def test_the_envelope_passes_over_wasted_budgets():
    error = 3.5 * C**-0.2
    wasted = np.concatenate([error, 2 * error])  # every budget once well spent and once badly
    compute = np.concatenate([C, C])
    assert (lower_envelope(compute, wasted, 6) < len(C)).all()
    assert fit_envelope(compute, wasted, 6).alpha == pytest.approx(-0.2, abs=1e-12)


def test_empty_bins_are_left_out():
    assert lower_envelope([1.0, 1.1, 100.0], [3.0, 2.0, 1.0], 5).tolist() == [1, 2]


def test_extrapolation_sees_the_cheap_runs_alone():
    error = 5 * C**-0.25
    assert extrapolate(C, error) == pytest.approx(error[-1])
    spoilt = error.copy()
    spoilt[8:] = 1e-9  # the expensive third, in no order of its own
    shuffled = np.random.default_rng(0).permutation(12)
    assert extrapolate(C[shuffled], spoilt[shuffled]) == pytest.approx(error[-1])
    assert extrapolate(C, spoilt, share=1.0) < 0.1 * error[-1]


def test_the_interval_covers_the_exponent_about_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        errors = 4 * C**-0.2 * np.exp(0.1 * draw.standard_normal((3, 12)))
        low, high = bootstrap(C, errors, lambda c, e: fit_power_law(c, e).alpha, draws=200, seed=seed)
        covered += low <= -0.2 <= high
    assert 49 <= covered <= 60  # 57 expected; percentile intervals of twelve cells are a little short


def test_the_interval_is_that_of_a_plain_loop():
    errors = noisy(3, 24)[1].reshape(2, 12)
    found = bootstrap(C, errors, lambda c, e: fit_power_law(c, e).alpha, draws=300, level=0.9, seed=5)
    generator, slopes = np.random.default_rng(5), []
    for _ in range(300):
        cells, seeds = generator.integers(12, size=12), generator.integers(2, size=(2, 12))
        mean = [sum(errors[seeds[s][j], cells[j]] for s in range(2)) / 2 for j in range(12)]
        slopes.append(linregress(np.log(C[cells]), np.log(mean)).slope)
    assert found == pytest.approx(tuple(np.quantile(slopes, [0.05, 0.95])), rel=1e-9)


def test_differences_are_paired():
    """Two sets with the same faults differ by exactly their exponents, in every draw."""
    fault = np.exp(np.random.default_rng(1).standard_normal((3, 12)))
    errors = np.stack([C**-0.3 * fault, C**-0.1 * fault])

    def gap(c, e):
        return fit_power_law(c, e[0]).alpha - fit_power_law(c, e[1]).alpha

    low, high = bootstrap(C, errors[:, :1], gap, draws=50)
    assert low == pytest.approx(-0.2, abs=1e-9) and high == pytest.approx(-0.2, abs=1e-9)
    alone = bootstrap(C, errors[:1], lambda c, e: fit_power_law(c, e[0]).alpha, draws=50)
    assert alone[1] - alone[0] > 0.02


def test_draws_of_one_compute_alone_are_drawn_again():
    low, high = bootstrap([1.0, 2.0], [[0.5, 0.25]], lambda c, e: fit_power_law(c, e).alpha, draws=40)
    assert low == high == pytest.approx(-1)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: fit_power_law([1, 2], [0.5, 0.0]), "without error"),
        (lambda: fit_power_law([1, 2], [0.5, math.nan]), "finite"),
        (lambda: fit_power_law([1, 2, 3], [0.5, 0.4]), "one length"),
        (lambda: fit_power_law([2, 2], [0.5, 0.4]), "two different"),
        (lambda: lower_envelope([1, 2], [0.5, 0.4], 1), "at least 2"),
        (lambda: bootstrap([1, 2], [0.5, 0.4], fit_power_law), "S, M"),
        (lambda: bootstrap([1, 1], [[0.5, 0.4]], fit_power_law), "two values"),
        (lambda: bootstrap([1, 2], [[0.5, 0.4]], fit_power_law, level=95), "level 95"),
    ],
)
def test_what_can_not_be_fitted_is_named(call, named):
    with pytest.raises(ValueError, match=named):
        call()
