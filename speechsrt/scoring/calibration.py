"""How far a model's probabilities can be believed: calibration error, and one temperature that mends it.

Of all clips heard with a probability of 0.8, eight in ten should be right. `Reliability` puts the clips into
bins of the probability of the word heard and holds their accuracy against it; the expected calibration error
is the mean gap, by clips (M. Naeini, G. Cooper & M. Hauskrecht, AAAI 2015). Dividing the logits by a
temperature, the same for all, changes no word heard; the one that makes the right words of a validation split
most likely is what calibrates best for its price (C. Guo, G. Pleiss, Y. Sun & K. Weinberger, 1706.04599).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
COLDEST, HOTTEST = 0.05, 20.0


@dataclass(frozen=True, eq=False)
class Reliability:
    """Clips by the probability of the word heard: counts, accuracies, mean probabilities, each ``(BINS,)``.

    An empty bin has accuracy and probability 0.
    """

    counts: NDArray[np.integer]
    accuracy: NDArray[np.floating]
    confidence: NDArray[np.floating]

    @property
    def error(self) -> float:
        """The expected calibration error, a fraction."""
        gaps = np.abs(self.accuracy - self.confidence)
        return float((self.counts * gaps).sum() / max(1, self.counts.sum()))


def reliability(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> Reliability:
    """Return the reliability of ``(N, K)`` probabilities of clips of classes ``(N,)``."""
    confidence = probabilities.max(axis=1, initial=0.0)
    right = probabilities.argmax(axis=1) == truth if len(truth) else np.zeros(0, bool)
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    shares = [np.bincount(place, values, BINS) / np.maximum(1, counts) for values in (right, confidence)]
    return Reliability(counts, *shares)


def tempered(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    """Return the probabilities ``(N, K)`` that the same logits give divided by a temperature."""
    logits = _logits(probabilities) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=1, keepdims=True)


def best_temperature(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Return the temperature under which the classes ``(N,)`` are likeliest, from `COLDEST` to `HOTTEST`.

    N clips that are all right do not show that none can be wrong: of every clip, 1 / (N + 2) counts for the
    other classes (J. Platt, Probabilistic outputs for support vector machines, 1999, section 2.2). The mean
    negative log likelihood is convex in 1 / temperature: its slope, by how much the logit of the right class
    falls short of the one expected, is bisected. 1.0 of no clips.
    """
    if not len(truth) or probabilities.shape[1] < 2:
        return 1.0
    logits = _logits(probabilities)
    right = logits[np.arange(len(truth)), truth]
    doubt = 1 / (len(truth) + 2)
    own = (1 - doubt) * right + doubt * (logits.sum(axis=1) - right) / (logits.shape[1] - 1)
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(50):
        middle = (low + high) / 2
        expected = (tempered(probabilities, 1 / middle) * logits).sum(axis=1)
        low, high = (middle, high) if (own - expected).mean() > 0 else (low, middle)
    return 2 / (low + high)


def _logits(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return logits of these probabilities; those of a clip may all be shifted alike."""
    return np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
