"""Whether one method is better than another: differences, pair by pair, on the same seeds and utterances.

Two questions are asked. *Would other seeds say the same?* Student's t interval of the differences of pairs of
runs answers it. *Would other utterances too?* A bootstrap that draws seeds and utterances anew, both with
replacement (the crossed design of A. Owen, Annals of Applied Statistics 1, 2007), answers both at once and is
on the wide side: what only a pair of seed and utterance has in common counts up to three times. A difference
is told as real where neither interval holds zero.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from statistics import stdev

import numpy as np
from numpy.typing import ArrayLike

from speechsrt.scoring.intervals import mean_interval, t_quantile

POWER = 0.8
FOUND = 1.959964 + 0.841621
"""Standard errors that a true difference needs to be found by a normal interval with probability 0.8."""
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Comparison:
    """How far the error rate of one method lies above that of another, as a fraction: below zero is better.

    Attributes:
        seeds: pairs of runs.
        difference: mean over the pairs.
        half: half the width of the t interval over the pairs, 95 %; infinite for one.
        low, high: bootstrap interval over seeds and utterances, 95 %.
        visible: the smallest true difference that both intervals of so many pairs leave zero out of with a
            probability of about 0.8 (of the first alone 0.73 with two pairs, 0.77 with three).
        needed: pairs that would so find a true difference as large as this one, on as many utterances; None
            where more than a thousand would not, or one pair does not tell.
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
    means = _bootstrap(a - b, said, resamples)
    low, high = (float(end) for end in np.quantile(means, [0.025, 0.975]))
    found = (len(gaps), difference, half, low, high)
    if len(gaps) < 2:
        return Comparison(*found, math.inf, None)
    design = Design(len(gaps), stdev(gaps), float(means.var()), shared_variance(a - b, said))
    return Comparison(*found, design.visible(len(gaps)), design.needed(difference))


@dataclass(frozen=True)
class Design:
    """What pairs of runs have shown of how their differences scatter, to tell what others would show.

    Attributes:
        seeds: pairs.
        spread: standard deviation of their differences.
        variance: of the mean difference, over seeds and utterances.
        shared: part of that which no number of seeds takes away: what utterances are the easier for, whatever
            the seed.
    """

    seeds: int
    spread: float
    variance: float
    shared: float

    def visible(self, seeds: int) -> float:
        """Return the smallest true difference that `seeds` pairs find with a probability of about 0.8."""
        freedom = seeds - 1
        own = (t_quantile(0.975, freedom) + t_quantile(POWER, freedom)) * self.spread / math.sqrt(seeds)
        shared = min(self.shared, self.variance)
        both = FOUND * math.sqrt(shared + (self.variance - shared) * self.seeds / seeds)
        return max(own, both)

    def needed(self, difference: float) -> int | None:
        """Return the fewest pairs, two at least, that find a true `difference`; None for over a thousand."""
        many = range(2, MOST_SEEDS + 1)
        fewest = bisect_left(many, True, key=lambda seeds: self.visible(seeds) <= abs(difference))
        return many[fewest] if difference and fewest < len(many) else None


def shared_variance(gaps: np.ndarray, words: np.ndarray) -> float:
    """Return the variance of a mean difference that comes of utterances alone, ``(S, N)`` with S above 1.

    That of the utterances' means over seeds, less what scatters within them (analysis of variance of a
    two-way layout with one value a cell), zero at least.
    """
    seeds, count = gaps.shape
    rate = gaps.sum() / seeds / max(1, words.sum())
    cells = (gaps - rate * words) * count / max(1, words.sum())
    means = cells.mean(axis=0)
    rest = cells - means - cells.mean(axis=1, keepdims=True) + cells.mean()
    within = (rest**2).sum() / (seeds - 1) / max(1, count - 1)
    between = ((means - means.mean()) ** 2).sum() / max(1, count - 1)
    return max(0.0, float(between - within / seeds)) / count


def _bootstrap(gaps: np.ndarray, words: np.ndarray, resamples: int) -> np.ndarray:
    """Return the mean difference ``(resamples,)`` under draws of seeds and utterances."""
    draws = np.random.default_rng(0)
    seeds, count = gaps.shape
    means = np.empty(resamples)
    for number in range(resamples):
        chosen = draws.integers(count, size=count)
        weight = np.bincount(draws.integers(seeds, size=seeds), minlength=seeds)
        means[number] = weight @ gaps[:, chosen].sum(axis=1) / seeds / max(1, words[chosen].sum())
    return means
