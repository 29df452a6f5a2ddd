import math
from itertools import product
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.scoring.intervals import mean_interval, ratio_interval, t_quantile, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # By hand: z = 1.959964, z^2 = 3.841459. 0 of 10 gives [0, z^2 / (10 + z^2)], 10 of 10 its mirror,
        # 5 of 10 gives 1/2 +- z / sqrt(10) * sqrt(1/4 + z^2 / 40) / (1 + z^2 / 10).
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (5, 10, 0.236593, 0.763407),
        # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_agrees_with_hand_and_paper(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_wilson_of_nothing_knows_nothing():
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.floats(0.01, 0.999))
def test_wilson_holds_its_estimate_and_mirrors(successes, failures, level):
    trials = successes + failures
    low, high = wilson(successes, trials, level)
    assert 0 <= low <= high <= 1
    if trials:
        assert low <= successes / trials <= high
        mirrored = wilson(failures, trials, level)
        assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(st.integers(1, 500), st.integers(1, 500))
def test_more_trials_narrow_the_interval(successes, failures):
    few = wilson(successes, successes + failures)
    many = wilson(10 * successes, 10 * (successes + failures))
    assert many[1] - many[0] < few[1] - few[0]


@pytest.mark.parametrize(("successes", "trials"), [(-1, 3), (4, 3), (1, 0)])
def test_wilson_refuses_impossible_counts(successes, trials):
    with pytest.raises(ValueError, match="successes in"):
        wilson(successes, trials)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_is_a_fraction(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        wilson(1, 2, level)
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([1.0, 2.0], level)


def test_ratio_interval_agrees_with_every_resample_there_is():
    parts, wholes = np.array([0, 2, 5, 1]), np.array([10, 4, 6, 9])
    every = np.array(list(product(range(4), repeat=4)))
    ratios = parts[every].sum(axis=1) / wholes[every].sum(axis=1)
    exact = np.quantile(ratios, [0.05, 0.95])
    assert ratio_interval(parts, wholes, level=0.9, resamples=20_000) == pytest.approx(exact, abs=0.02)


def test_ratio_interval_of_many_coins_is_the_normal_one():
    half = 1.959964 * math.sqrt(0.2 * 0.8 / 1000)
    interval = ratio_interval([1] * 200 + [0] * 800, [1] * 1000, resamples=5000)
    assert interval == pytest.approx((0.2 - half, 0.2 + half), abs=0.002)


CASES = st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 30)), min_size=2, max_size=20)


@settings(deadline=None)
@given(CASES, st.randoms(use_true_random=False))
def test_ratio_interval_does_not_ask_for_the_order(cases, random):
    parts, wholes = np.array(cases).T
    order = random.sample(range(len(cases)), len(cases))
    shuffled = ratio_interval(parts[order], wholes[order], resamples=50)
    assert shuffled == ratio_interval(parts, wholes, resamples=50)


@settings(deadline=None)
@given(CASES)
def test_ratio_interval_lies_between_the_extremes(cases):
    parts, wholes = np.array(cases).T
    wholes = wholes + 1
    low, high = ratio_interval(parts, wholes, resamples=50)
    assert (parts / wholes).min() - 1e-12 <= low <= high <= (parts / wholes).max() + 1e-12


def test_ratio_interval_of_equal_cases_is_their_ratio():
    assert ratio_interval([3, 3], [10, 10]) == (0.3, 0.3)
    assert ratio_interval([2, 2], [0, 0]) == (4.0, 4.0)


@pytest.mark.parametrize("cases", [[], [1]])
def test_ratio_interval_of_one_case_or_none_knows_nothing(cases):
    assert ratio_interval(cases, cases) == (-math.inf, math.inf)


def test_ratio_interval_refuses_cases_that_do_not_match():
    with pytest.raises(ValueError, match="inhomogeneous"):
        ratio_interval([1, 2], [1])
    with pytest.raises(ValueError, match="between 0 and 1"):
        ratio_interval([1, 2], [1, 2], level=95)


@pytest.mark.parametrize(
    ("probability", "freedom", "quantile"),
    [
        # Printed tables of Student's t (Abramowitz & Stegun, table 26.10).
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.975, 9, 2.262),
        (0.975, 30, 2.042),
        (0.975, 120, 1.980),
        (0.995, 1, 63.657),
        (0.995, 4, 4.604),
        (0.95, 5, 2.015),
    ],
)
def test_t_quantiles_agree_with_printed_tables(probability, freedom, quantile):
    assert t_quantile(probability, freedom) == pytest.approx(quantile, abs=6e-4)


def test_t_quantiles_with_a_closed_form():
    assert t_quantile(0.5, 7) == pytest.approx(0, abs=1e-9)
    assert t_quantile(0.9, 1) == pytest.approx(math.tan(math.pi * 0.4))
    assert t_quantile(0.9, 2) == pytest.approx(0.8 / math.sqrt(2 * 0.9 * 0.1))


@pytest.mark.parametrize(("probability", "freedom"), [(0.4, 3), (1.0, 3), (0.9, 0)])
def test_t_quantile_refuses_what_has_none(probability, freedom):
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, freedom)


def test_mean_interval_by_hand():
    # Mean 97.2, deviation 0.158114, half width 2.776445 * 0.158114 / sqrt(5).
    assert mean_interval([97.0, 97.1, 97.2, 97.3, 97.4]) == pytest.approx((97.2, 0.196324), abs=1e-6)


def test_one_seed_tells_nothing_of_the_spread():
    assert mean_interval([0.97]) == (0.97, math.inf)


def test_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one value"):
        mean_interval([])


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=8), st.floats(-10, 10))
def test_mean_interval_shifts_with_its_values(values, shift):
    mean, half = mean_interval(values)
    assert mean == pytest.approx(fmean(values))
    assert half >= 0
    moved, same = mean_interval([value + shift for value in values])
    assert (moved, same) == pytest.approx((mean + shift, half), abs=1e-6)
