"""From the scores of consecutive windows to detections: smoothing, a threshold, and a time of rest.

The score of a word is the mean of its probability over the last windows. Where it reaches the threshold and
the word is not at rest, the word is detected there and then, and rests for the refractory time: what lasts
several windows is one event. Words do not look at each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechsrt.errors import UserError


@dataclass(frozen=True)
class Detection:
    """A word, the stretch of sound in which it was heard (seconds), and its score when it was."""

    word: str
    start: float
    end: float
    score: float


@dataclass(frozen=True)
class Settings:
    """How scores become detections.

    Args:
        words: what to detect; other outputs of the model (unknown, silence) are heard and never told.
        threshold: of the smoothed score, above 0.
        smooth: windows in the mean.
        rest: windows for which a word is not detected again.
        clip_seconds: length of a window.

    Raises:
        UserError: a number out of its range.
    """

    words: tuple[str, ...]
    threshold: float
    smooth: int
    rest: int
    clip_seconds: float

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError(f"threshold={self.threshold:g}: choose above 0 and at most 1")
        if self.smooth < 1 or self.rest < 1:
            raise UserError(
                f"smooth_seconds, refractory_seconds: {self.smooth} and {self.rest} windows; take 1 at least"
            )


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
    """Detections in windows as they come."""

    def __init__(self, labels: tuple[str, ...], settings: Settings) -> None:
        self.settings = settings
        self._columns = [labels.index(word) for word in settings.words]
        self._smooth = Smoother(settings.smooth)
        self._resting = np.zeros(len(settings.words), np.int64)

    def __call__(self, scores: NDArray[np.floating], ends: NDArray[np.floating]) -> Iterator[Detection]:
        """Yield what is detected in the windows that follow those of the last call, in order.

        Args:
            scores: ``(N, labels)``, probabilities.
            ends: ``(N,)`` seconds.
        """
        for row, end in zip(self._smooth(scores[:, self._columns]), ends, strict=True):
            ready = (row >= self.settings.threshold) & (self._resting == 0)
            self._resting = np.maximum(self._resting - 1, 0)
            for k in np.flatnonzero(ready):
                self._resting[k] = self.settings.rest - 1
                start = max(0.0, float(end) - self.settings.clip_seconds)
                yield Detection(self.settings.words[k], start, float(end), float(row[k]))


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
