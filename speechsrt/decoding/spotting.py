"""From the scores of consecutive windows to detections: smoothing, a threshold, and a time of rest.

The score of a word is the mean of its probability over the last windows. Where it reaches the threshold and
the word is not at rest, the word is detected there and then, and rests for the refractory time: what lasts
several windows is one event. Words do not look at each other.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechsrt.errors import UserError

UNKNOWN, SILENCE = "unknown", "silence"
"""Classes that are heard and never told: speech without the words, sound without speech."""
HOW = ("step_seconds", "smooth_seconds", "refractory_seconds")
"""Settings of `Operating` that are a person's to choose."""


@dataclass(frozen=True)
class Detection:
    """A word, the stretch of sound in which it was heard (seconds), and its score when it was."""

    word: str
    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Operating:
    """How a keyword model is used on a stream; chosen on a validation split and shipped with the model.

    Args:
        threshold: of the smoothed score, above 0.
        step_seconds: distance of the windows that are scored.
        smooth_seconds: stretch of window ends in the mean.
        refractory_seconds: a word is not detected again for so long.
        temperature: the logits are divided by it (`speechsrt.scoring.calibration`).

    Raises:
        UserError: a number out of its range.
    """

    threshold: float = 0.5
    step_seconds: float = 0.1
    smooth_seconds: float = 0.3
    refractory_seconds: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError(f"threshold={self.threshold:g}: choose above 0 and at most 1")
        for key in ("step_seconds", "smooth_seconds", "refractory_seconds", "temperature"):
            if not 0 < getattr(self, key) < math.inf:
                raise UserError(f"{key}={getattr(self, key):g}: choose above 0")

    @classmethod
    def usual(cls, clip_seconds: float) -> "Operating":
        """Return how a model of such clips is used where nothing was chosen.

        A word of half a second lies whole in the windows of a three-second clip for 2.5 s: it rests as long
        as a clip, and a second at least, so that it is told once.
        """
        return cls(refractory_seconds=max(1.0, clip_seconds))

    def windows(self, seconds: float) -> int:
        """Return how many windows' ends lie in a stretch, 1 at least."""
        return max(1, round(seconds / self.step_seconds))


class Smoother:
    """Means over the last windows, of fewer where fewer have come: ``(N, words)`` to ``(N, words)``."""

    def __init__(self, windows: int) -> None:
        self.windows, self._count = windows, 0
        self._before: NDArray[np.floating] | None = None

    def __call__(self, scores: NDArray[np.floating]) -> NDArray[np.floating]:
        """Smooth the windows that follow those of the last call."""
        if not len(scores):
            return scores
        nothing = np.zeros((self.windows - 1, scores.shape[1]), scores.dtype)
        known = np.concatenate([nothing if self._before is None else self._before, scores])
        self._before = known[len(scores) :]
        sums = np.lib.stride_tricks.sliding_window_view(known, self.windows, axis=0).sum(-1)
        counts = np.minimum(self._count + 1 + np.arange(len(scores)), self.windows)
        self._count += len(scores)
        return sums / counts[:, None]


class Spotter:
    """Detections in windows as they come.

    Args:
        labels: outputs of the model.
        operating: how to spot.
        clip_seconds: length of a window.
    """

    def __init__(self, labels: Sequence[str], operating: Operating, clip_seconds: float) -> None:
        self.operating, self.clip_seconds = operating, clip_seconds
        self._words = spotted_words(labels)
        self._columns = [labels.index(word) for word in self._words]
        self._smooth = Smoother(operating.windows(operating.smooth_seconds))
        self._rest = operating.windows(operating.refractory_seconds)
        self._resting = np.zeros(len(self._words), np.int64)

    def __call__(self, scores: NDArray[np.floating], ends: NDArray[np.floating]) -> Iterator[Detection]:
        """Yield what is detected in the windows that follow those of the last call, in order.

        Args:
            scores: ``(N, labels)``, probabilities.
            ends: ``(N,)`` seconds.
        """
        for row, end in zip(self._smooth(scores[:, self._columns]), ends, strict=True):
            ready = (row >= self.operating.threshold) & (self._resting == 0)
            self._resting = np.maximum(self._resting - 1, 0)
            for k in np.flatnonzero(ready):
                self._resting[k] = self._rest - 1
                start = max(0.0, float(end) - self.clip_seconds)
                yield Detection(self._words[k], start, float(end), float(row[k]))


def spotted_words(labels: Sequence[str]) -> list[str]:
    """Return the outputs that are words to detect."""
    return [label for label in labels if label not in (UNKNOWN, SILENCE)]


def events(smoothed: NDArray[np.floating], threshold: float, rest: int) -> list[int]:
    """Return the windows at which one word is detected, all scores at hand: `Spotter`'s, for many thresholds.

    Args:
        smoothed: ``(N,)`` scores of the word.
        threshold: that has to be reached.
        rest: windows from one detection to the next, at least.
    """
    above, found = np.flatnonzero(smoothed >= threshold), []
    place = 0
    while place < len(above):
        found.append(int(above[place]))
        place = int(np.searchsorted(above, above[place] + rest))
    return found
