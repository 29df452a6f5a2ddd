"""A detector at every threshold: misses against false alarms an hour (DET), and the threshold to use.

The curve is that of events (`speechsrt.scoring.events`), counted anew at each threshold with the same
smoothing and rest as in use (`speechsrt.decoding.spotting`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechsrt.decoding.spotting import Operating, Smoother, events, spotted_words
from speechsrt.scoring.events import Outcome, Said, outcome

THRESHOLDS = tuple(float(value) for value in 1 / (1 + np.exp(-np.linspace(-4.0, 9.0, 131))))
"""Evenly spaced in the logit, from 0.018 to 0.9999."""


@dataclass(frozen=True, eq=False)
class Tracked:
    """What a model heard in a track.

    Attributes:
        smoothed: ``(N, words)`` scores of the words to detect.
        ends: ``(N,)`` seconds at which the windows end.
        words: their names.
        rest: windows for which a word is not detected again.
        said: what was said, and when.
        hours: length of the track.
    """

    smoothed: NDArray[np.floating]
    ends: NDArray[np.floating]
    words: list[str]
    rest: int
    said: list[Said]
    hours: float

    def at(self, threshold: float) -> Outcome:
        """Return what comes of the track at a threshold."""
        found = [
            (float(self.ends[window]), word)
            for column, word in enumerate(self.words)
            for window in events(self.smoothed[:, column], threshold, self.rest)
        ]
        return outcome(found, self.said, self.hours)


def tracked(
    scores: NDArray[np.floating],
    ends: NDArray[np.floating],
    labels: Sequence[str],
    operating: Operating,
    said: list[Said],
    hours: float,
) -> Tracked:
    """Smooth the probabilities ``(N, labels)`` of a track's windows."""
    words = spotted_words(labels)
    columns = [labels.index(word) for word in words]
    smoothed = Smoother(operating.windows(operating.smooth_seconds))(scores[:, columns])
    rest = operating.windows(operating.refractory_seconds)
    return Tracked(smoothed, ends, words, rest, said, hours)


def curve(track: Tracked) -> list[tuple[float, Outcome]]:
    """Return the outcome at each of `THRESHOLDS`."""
    return [(threshold, track.at(threshold)) for threshold in THRESHOLDS]


def threshold_for(points: Sequence[tuple[float, Outcome]], alarms_an_hour: float) -> float:
    """Return the lowest threshold from which on there are no more false alarms an hour than wanted.

    The highest one where even that gives more.
    """
    chosen = points[-1][0]
    for threshold, told in reversed(points):
        if told.alarms_an_hour > alarms_an_hour:
            break
        chosen = threshold
    return chosen
