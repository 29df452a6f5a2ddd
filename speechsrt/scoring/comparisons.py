"""Whether one method is better than another: differences, pair by pair, on the same seeds and utterances.

Two questions are asked. *Would other seeds say the same?* Student's t interval of the differences of pairs of
runs answers it. *Would other utterances too?* A bootstrap that draws seeds and utterances anew, both with
replacement (the crossed design of A. Owen, Annals of Applied Statistics 1, 2007), answers both at once; with
five seeds it is a little narrow. A difference is told as real where neither interval holds zero.
"""

import math
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import ArrayLike

from speechsrt.scoring.intervals import mean_interval, t_quantile

POWER = 0.8
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Comparison:
    """How far the error rate of one method lies above that of another, as a fraction: below zero is better.

    Attributes:
        seeds: pairs of runs.
        difference: mean over the pairs.
        half: half the width of the t interval over the pairs, 95 %; infinite for one.
        low, high: bootstrap interval over seeds and utterances, 95 %.
        visible: the smallest true difference that so many pairs find with probability 0.8.
        needed: pairs that would find a true difference as large as this one with that probability; None
            where more than a thousand are.
    """

    seeds: int
    difference: float
    half: float
    low: float
    high: float
    visible: float
    needed: int | None

    @property
    def real(self) -> bool:
        """Whether both intervals leave zero out."""
        return abs(self.difference) > self.half and (self.low > 0 or self.high < 0)


def compare(errors: ArrayLike, others: ArrayLike, words: ArrayLike, resamples: int = 2000) -> Comparison:
    """Compare two methods that ran with the same seeds on the same utterances.

    Args:
        errors: ``(S, N)`` errors in each of N utterances with each of S seeds.
        others: ``(S, N)`` those of the method that it is compared with.
        words: ``(N,)`` what there was to get wrong in each, 1 where an utterance is a word.
        resamples: how often the bootstrap draws.

    Raises:
        ValueError: shapes that disagree, or no seed.
    """
    a, b, said = (np.asarray(array, np.int64) for array in (errors, others, words))
    if a.ndim != 2 or a.shape != b.shape or said.shape != a.shape[1:] or not len(a):
        raise ValueError(f"errors {a.shape} and {b.shape} of {said.shape} utterances cannot be paired")
    gaps = (a - b).sum(axis=1) / max(1, said.sum())
    difference, half = mean_interval(gaps)
    low, high = _bootstrap(a - b, said, resamples)
    spread = stdev(gaps) if len(gaps) > 1 else math.inf
    found = (len(gaps), difference, half, low, high)
    return Comparison(*found, visible_difference(spread, len(gaps)), seeds_needed(spread, difference))


def visible_difference(spread: float, seeds: int) -> float:
    """Return the smallest true difference that `seeds` pairs find with probability 0.8 (two-sided, 5 %).

    Args:
        spread: standard deviation of the differences of pairs.
        seeds: pairs; with one nothing is ever found.
    """
    if seeds < 2:
        return math.inf
    freedom = seeds - 1
    return (t_quantile(0.975, freedom) + t_quantile(POWER, freedom)) * spread / math.sqrt(seeds)


def seeds_needed(spread: float, difference: float) -> int | None:
    """Return how many pairs find a true `difference` with probability 0.8; None for more than a thousand."""
    enough = (n for n in range(2, MOST_SEEDS + 1) if visible_difference(spread, n) <= abs(difference))
    return next(enough, None) if difference else None


def _bootstrap(gaps: np.ndarray, words: np.ndarray, resamples: int) -> tuple[float, float]:
    """Return the middle 95 % of the mean difference under draws of seeds and utterances."""
    draws = np.random.default_rng(0)
    seeds, count = gaps.shape
    means = np.empty(resamples)
    for number in range(resamples):
        chosen = draws.integers(count, size=count)
        weight = np.bincount(draws.integers(seeds, size=seeds), minlength=seeds)
        means[number] = weight @ gaps[:, chosen].sum(axis=1) / seeds / max(1, words[chosen].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
