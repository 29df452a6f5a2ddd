"""The counter of misses and false alarms, held to tracks made by hand."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.scoring.events import Outcome, Said, outcome, poisson

TRACK = [Said(10.0, 10.6, "go"), Said(20.0, 20.5, "stop"), Said(20.4, 21.0, "go"), Said(30.0, 30.5, "go")]


@pytest.mark.parametrize(
    ("detected", "missed", "alarms"),
    [
        ([], 4, 0),
        ([(10.5, "go"), (20.6, "stop"), (21.0, "go"), (31.0, "go")], 0, 0),
        ([(10.0, "go")], 4, 1),  # before it is said
        ([(11.6, "go")], 3, 0),  # the last moment
        ([(11.61, "go")], 4, 1),  # too late
        ([(10.5, "stop")], 4, 1),  # another word
        ([(10.3, "go"), (10.9, "go")], 3, 1),  # twice
        ([(50.0, "go"), (50.1, "go"), (50.2, "stop")], 4, 3),
        ([(20.5, "go"), (20.5, "stop")], 2, 0),  # words that overlap
    ],
)
def test_tracks_made_by_hand(detected: list[tuple[float, str]], missed: int, alarms: int):
    assert outcome(detected, TRACK, 0.5) == Outcome(4, missed, alarms, 0.5)
    assert outcome(reversed(detected), TRACK[::-1], 0.5) == Outcome(4, missed, alarms, 0.5)


def test_two_utterances_that_overlap_are_two():
    close = [Said(1.0, 1.5, "go"), Said(1.8, 2.3, "go")]
    assert outcome([(1.9, "go"), (2.4, "go")], close, 1.0).missed == 0
    assert outcome([(1.9, "go")], close, 1.0).missed == 1


def test_rates():
    told = Outcome(said=20, missed=5, alarms=3, hours=1.5)
    assert (told.miss_rate, told.alarms_an_hour) == (0.25, 2.0)
    assert told.alarms_interval == pytest.approx((0.6187 / 1.5, 8.7673 / 1.5), abs=1e-3)
    assert told.miss_interval[0] < 0.25 < told.miss_interval[1]
    assert told + told == Outcome(40, 10, 6, 3.0)
    nothing = Outcome(0, 0, 0, 0.0)
    assert nothing.miss_rate == 0
    assert nothing.alarms_interval == (0.0, math.inf)


# Garwood's limits, from published tables (Ulm 1990): two-sided, 95 %.
@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (0, 0, 3.6889),
        (1, 0.0253, 5.5716),
        (2, 0.2422, 7.2247),
        (10, 4.7954, 18.3904),
        (100, 81.3640, 121.6272),
    ],
)
def test_poisson_intervals_are_those_of_the_tables(count: int, low: float, high: float):
    assert poisson(count) == pytest.approx((low, high), abs=1e-3)


@given(st.integers(0, 200), st.floats(0.5, 0.99))
@settings(deadline=None, max_examples=20)
def test_an_interval_holds_its_count_and_grows_with_the_level(count: int, level: float):
    low, high = poisson(count, level)
    wider = poisson(count, 0.995)
    assert wider[0] <= low <= count <= high <= wider[1]


@pytest.mark.parametrize(("count", "level"), [(-1, 0.95), (1, 0.0), (1, 1.0)])
def test_mistakes(count: int, level: float):
    with pytest.raises(ValueError, match="no interval for"):
        poisson(count, level)
