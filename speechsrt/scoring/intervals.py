"""How far an estimate can be trusted: an interval for a rate, and one for a mean over seeds.

The rate of a single test set gets Wilson's interval (E. B. Wilson, JASA 22, 1927), which stays inside [0, 1]
and keeps its level near 1, where keyword accuracies lie. Runs that differ by their seed get Student's t
interval of the mean.
"""

import math
from collections.abc import Iterable
from statistics import NormalDist, fmean, stdev


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
