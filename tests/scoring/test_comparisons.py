import math

import numpy as np
import pytest

from speechsrt.scoring.comparisons import Design, compare, shared_variance
from speechsrt.scoring.intervals import mean_interval, ratio_interval


def drawn(seeds: int, utterances: int, rate: float, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((seeds, utterances)) < rate).astype(int)


def test_a_method_against_itself_makes_no_difference():
    errors = drawn(4, 300, 0.1)
    found = compare(errors, errors, np.ones(300))
    assert (found.difference, found.half, found.low, found.high) == (0, 0, 0, 0)
    assert not found.real
    assert found.needed is None


def test_the_difference_is_that_of_the_means_and_its_half_width_students():
    a, b = drawn(5, 400, 0.2), drawn(5, 400, 0.1, seed=1)
    found, back = compare(a, b, np.ones(400)), compare(b, a, np.ones(400))
    assert found.difference == pytest.approx(a.mean() - b.mean())
    assert (found.difference, found.half) == mean_interval((a - b).mean(axis=1))
    assert back.difference == pytest.approx(-found.difference)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low), abs=0.01)
    assert found.real
    assert back.real


def test_words_weigh_as_many_as_were_said():
    errors = np.array([[3, 0, 1]])
    found = compare(errors, np.zeros((1, 3)), np.array([10, 5, 5]))
    assert found.difference == pytest.approx(4 / 20)


def test_one_seed_is_the_bootstrap_over_utterances_and_no_more():
    a, b = drawn(1, 500, 0.3), drawn(1, 500, 0.2, seed=1)
    found = compare(a, b, np.ones(500))
    low, high = ratio_interval((a - b)[0], np.ones(500))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)
    assert math.isinf(found.half)
    assert not found.real
    assert math.isinf(found.visible)
    assert found.needed is None


def covered(times: int, spread: float) -> float:
    """How often the interval holds the true difference, 0.1, of eight seeds that scatter by `spread`."""
    draws = np.random.default_rng(0)
    held = 0
    for _ in range(times):
        ease = 0.2 + draws.random(200) * 0.4
        seeds = draws.normal(0, spread, (8, 1))
        a = draws.random((8, 200)) < np.clip(ease + 0.1 + seeds, 0, 1)
        b = draws.random((8, 200)) < ease
        found = compare(a.astype(int), b.astype(int), np.ones(200), resamples=200)
        held += found.low <= 0.1 <= found.high
    return held / times


def test_the_bootstrap_is_on_the_wide_side_where_seeds_agree() -> None:
    assert covered(200, 0.0) >= 0.97


def test_the_bootstrap_counts_the_seeds_where_these_scatter() -> None:
    """Over utterances alone the interval would hold the truth in 57 % of these cases."""
    assert 0.86 <= covered(200, 0.1) <= 0.98


@pytest.mark.parametrize(("seeds", "power"), [(2, 0.73), (3, 0.77), (5, 0.79), (20, 0.8)])
def test_a_visible_difference_is_found_about_four_times_in_five(seeds: int, power: float) -> None:
    draws = np.random.default_rng(0)
    true = Design(seeds, 1.0, 1 / seeds, 0.0).visible(seeds)
    pairs = draws.normal(true, 1.0, (4000, seeds))
    found = [abs(mean) > half for mean, half in map(mean_interval, pairs)]
    assert np.mean(found) == pytest.approx(power, abs=0.025)


def test_utterances_that_no_seed_takes_away_are_part_of_what_is_visible() -> None:
    easy = Design(100, 0.001, 0.04**2, 0.04**2)
    assert easy.visible(100) == pytest.approx(easy.visible(1000)) == pytest.approx(2.8016 * 0.04, rel=1e-4)
    assert easy.needed(0.1) is None
    assert easy.needed(0.12) == 2


@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_the_shared_variance_is_that_of_the_utterances(shared: float) -> None:
    draws = np.random.default_rng(0)
    found = [
        shared_variance(
            draws.normal(0, 1, (5, 300)) + draws.normal(0, 2, (5, 1)) + draws.normal(0, shared, 300),
            np.ones(300),
        )
        for _ in range(200)
    ]
    assert np.mean(found) == pytest.approx(shared**2 / 300, abs=3e-5)


@pytest.mark.parametrize(("spread", "difference"), [(1.0, 1.0), (0.3, 0.2), (1.0, 3.0), (1.0, 0.1)])
def test_needed_seeds_are_the_fewest_that_see_the_difference(spread: float, difference: float) -> None:
    design = Design(5, spread, spread**2 / 5, 0.0)
    needed = design.needed(difference)
    assert needed is not None
    assert design.visible(needed) <= difference
    assert needed == 2 or design.visible(needed - 1) > difference


def test_a_difference_too_small_for_a_thousand_seeds() -> None:
    design = Design(5, 1.0, 0.2, 0.0)
    assert design.needed(0.001) is None
    assert design.needed(0.0) is None


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [((2, 3), (2, 4), 3), ((2, 3), (2, 3), 4), ((0, 3), (0, 3), 3), ((3,), (3,), 3)],
)
def test_what_cannot_be_paired(a, b, words):
    with pytest.raises(ValueError, match="cannot be paired"):
        compare(np.zeros(a), np.zeros(b), np.ones(words))
