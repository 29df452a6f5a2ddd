"""How far an estimate can be trusted: an interval for a rate, for a ratio of sums, and for a mean over seeds.

The rate of a single test set gets Wilson's interval (E. B. Wilson, JASA 22, 1927), which stays inside [0, 1]
and keeps its level near 1, where keyword accuracies lie. A word error rate is no such rate: the words of an
utterance go wrong together, and some are put in; it gets a bootstrap over utterances (M. Bisani and H. Ney,
ICASSP 2004). Runs that differ by their seed get Student's t interval of the mean.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist, fmean, stdev

import numpy as np
from numpy.typing import ArrayLike


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a rate, as fractions; `(0.0, 1.0)` where nothing was tried.

    Raises:
        ValueError: `successes` outside 0..`trials`, or `level` outside (0, 1).
    """
    _check_level(level)
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / trials
    shrink = 1 + z * z / trials
    centre = (rate + z * z / (2 * trials)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials)) / shrink
    # The ends are exact at 0 and 1 but for rounding; the estimate itself always lies inside.
    return max(0.0, min(centre - half, rate)), min(1.0, max(centre + half, rate))


def ratio_interval(
    parts: ArrayLike, wholes: ArrayLike, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of ``sum(parts) / sum(wholes)``, such as the errors and words of utterances.

    The N cases are drawn N times with replacement; the interval holds the middle `level` of the ratios so
    found (the percentile method). The order of the cases makes no difference.

    It takes the cases as independent, so it tells nothing of other speakers where a few speakers gave them
    all. It is a little narrow where cases are few: on simulated utterances with skewed errors an interval of
    95 % held the truth in 85 of 100 trials with 10 utterances, 90 with 30, 93 with 104, 95 with 1,000. It is
    `(r, r)` where every case has the ratio r. One case tells nothing of the spread: its interval is infinite.

    Args:
        parts: (N,) integers, which may be negative.
        wholes: (N,) integers, none negative; a sum of 0 counts as 1.
        level: the share of resamples inside.
        resamples: how many are drawn.
        seed: of the draws.

    Raises:
        ValueError: shapes that disagree, or `level` outside (0, 1).
    """
    _check_level(level)
    cases = np.array([parts, wholes], np.int64)
    count = cases.shape[1]
    if count < 2:
        return -math.inf, math.inf
    cases = cases[:, np.lexsort(cases)]
    draws = np.random.default_rng(seed)
    # One resample at a time: memory stays at N numbers, and the loop costs nothing beside the draws.
    sums = np.array([cases[:, draws.integers(count, size=count)].sum(axis=1) for _ in range(resamples)])
    low, high = np.quantile(sums[:, 0] / np.maximum(1, sums[:, 1]), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_interval(values: Iterable[float], level: float = 0.95) -> tuple[float, float]:
    """Mean of runs that differ by their seed, and half the width of its t interval.

    One value tells nothing of the spread: its half width is infinite.

    Raises:
        ValueError: no values, or `level` outside (0, 1).
    """
    _check_level(level)
    runs = [float(value) for value in values]
    if not runs:
        raise ValueError("a mean needs at least one value")
    if len(runs) == 1:
        return runs[0], math.inf
    half = t_quantile((1 + level) / 2, len(runs) - 1) * stdev(runs) / math.sqrt(len(runs))
    return fmean(runs), half


def t_quantile(probability: float, freedom: int) -> float:
    """The t that Student's distribution with `freedom` degrees stays below with `probability` (1/2 or more).

    Bisects the closed form of the two-sided probability in the angle `atan(t / sqrt(freedom))`.

    Raises:
        ValueError: `probability` outside [1/2, 1), or `freedom` below 1.
    """
    if not 0.5 <= probability < 1 or freedom < 1:
        raise ValueError(f"no quantile for probability {probability} and {freedom} degrees of freedom")
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _within(middle, freedom) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def _within(angle: float, freedom: int) -> float:
    """Probability that |t| is below `sqrt(freedom) * tan(angle)`: Abramowitz & Stegun 26.7.3 and 26.7.4."""
    odd = freedom % 2
    squared_cosine = math.cos(angle) ** 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= squared_cosine * (power + 1) / (power + 2)
    area = math.sin(angle) * total
    return 2 / math.pi * (angle + area) if odd else area


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
