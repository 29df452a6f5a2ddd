"""A detector on a long track: events against what was said and when, misses, and false alarms an hour.

A detection is right where it comes between the beginning of its word and `AFTER` seconds behind the word's
end, and is the first for that utterance; every other one is a false alarm, be it a second one. An utterance
without a right detection is missed. Counted are events, not windows. False alarms are rare: their rate has
the exact interval of a Poisson count (F. Garwood, Biometrika 28, 1936).
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechsrt.scoring.intervals import wilson

AFTER = 1.0
"""Seconds behind a word's end in which it may still be detected."""


@dataclass(frozen=True, order=True)
class Said:
    """A word in a track: when it begins and ends, in seconds."""

    start: float
    end: float
    word: str


@dataclass(frozen=True)
class Outcome:
    """What came of a track, or of several.

    Attributes:
        said: utterances of words to detect.
        missed: those not detected.
        alarms: false alarms.
        hours: length of the sound.
    """

    said: int
    missed: int
    alarms: int
    hours: float

    @property
    def miss_rate(self) -> float:
        """Share of the utterances that were missed; 0 of none."""
        return self.missed / max(1, self.said)

    @property
    def miss_interval(self) -> tuple[float, float]:
        """Wilson's interval of the miss rate at 95 %."""
        return wilson(self.missed, self.said)

    @property
    def alarms_an_hour(self) -> float:
        """False alarms an hour."""
        return self.alarms / self.hours if self.hours else math.inf

    @property
    def alarms_interval(self) -> tuple[float, float]:
        """The interval of the false alarms an hour at 95 %."""
        low, high = poisson(self.alarms)
        return (low / self.hours, high / self.hours) if self.hours else (0.0, math.inf)

    def plain(self) -> dict[str, Any]:
        """Return the counts, and the rates with their intervals, for JSON."""
        return asdict(self) | {
            "miss_rate": self.miss_rate,
            "miss_interval": list(self.miss_interval),
            "alarms_an_hour": self.alarms_an_hour,
            "alarms_interval": list(self.alarms_interval),
        }

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.said + other.said,
            self.missed + other.missed,
            self.alarms + other.alarms,
            self.hours + other.hours,
        )


def outcome(
    detected: Iterable[tuple[float, str]], said: Sequence[Said], hours: float, after: float = AFTER
) -> Outcome:
    """Hold detections against what was said.

    Args:
        detected: the time in seconds of every detection, and its word.
        said: the utterances of the words to detect.
        hours: length of the track.
        after: seconds behind the end of an utterance in which it may still be detected.
    """
    waiting: dict[str, list[Said]] = defaultdict(list)
    for utterance in sorted(said):
        waiting[utterance.word].append(utterance)
    alarms, found = 0, 0
    for time, word in sorted(detected):
        fitting = [u for u in waiting[word] if u.start < time <= u.end + after]
        if fitting:  # the one that is over first
            waiting[word].remove(min(fitting, key=lambda u: u.end))
            found += 1
        else:
            alarms += 1
    return Outcome(len(said), len(said) - found, alarms, hours)


def poisson(count: int, level: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of the mean of a Poisson variable that came out as `count`.

    Of no events in h hours the upper end is 3.69 / h at 95 %, two-sided.

    Raises:
        ValueError: a negative count, or `level` outside (0, 1).
    """
    if count < 0 or not 0 < level < 1:
        raise ValueError(f"no interval for {count} events at level {level}")
    tail = (1 - level) / 2
    low = _mean_where(count - 1, 1 - tail) if count else 0.0
    return low, _mean_where(count, tail)


def _mean_where(count: int, probability: float) -> float:
    """Return the mean at which no more than `count` events have a probability."""
    low, high = 0.0, 10.0 + 2 * count + 10 * math.sqrt(count + 1)
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(count, middle) > probability else (low, middle)
    return (low + high) / 2


def _at_most(count: int, mean: float) -> float:
    """Return the probability of no more than `count` events where `mean` are expected."""
    if mean == 0:
        return 1.0
    terms = (k * math.log(mean) - mean - math.lgamma(k + 1) for k in range(count + 1))
    return math.fsum(map(math.exp, terms))
