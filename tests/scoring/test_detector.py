"""Thresholds of a detector: the curve falls, and the one chosen keeps to what is wanted."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.decoding.spotting import Operating, Spotter
from speechsrt.scoring.detector import THRESHOLDS, curve, threshold_for, tracked
from speechsrt.scoring.events import Said, outcome

LABELS = ["go", "stop", "unknown"]
HOW = Operating(step_seconds=0.1, smooth_seconds=0.2, refractory_seconds=0.5)


def scores(seed: int, windows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    return draws.dirichlet([0.3, 0.3, 0.3], windows), 1 + 0.1 * np.arange(windows)


SAID = [Said(5.0, 6.0, "go"), Said(12.0, 13.0, "stop"), Said(20.0, 21.0, "go")]


@given(st.integers(0, 30), st.sampled_from([0.1, 0.5, 0.9]))
def test_at_a_threshold_it_is_what_the_spotter_finds(seed: int, threshold: float):
    chances, ends = scores(seed)
    track = tracked(chances, ends, LABELS, HOW, SAID, 0.01)
    how = Operating(threshold, 0.1, 0.2, 0.5)
    found = [(d.end, d.word) for d in Spotter(LABELS, how, 1.0)(chances, ends)]
    assert track.at(threshold) == outcome(found, SAID, 0.01)


def test_thresholds_rise_evenly_in_the_logit():
    logits = np.log(np.array(THRESHOLDS) / (1 - np.array(THRESHOLDS)))
    np.testing.assert_allclose(np.diff(logits), 0.1, atol=1e-9)


@given(st.integers(0, 20), st.sampled_from([0.0, 200.0, 1e9]))
def test_the_lowest_threshold_from_which_on_alarms_are_few_enough(seed: int, wanted: float):
    chances, ends = scores(seed, 100)
    points = curve(tracked(chances, ends, LABELS, HOW, SAID, 0.01))
    chosen = threshold_for(points, wanted)
    above = [told for threshold, told in points if threshold >= chosen]
    if above[-1].alarms_an_hour <= wanted:
        assert all(told.alarms_an_hour <= wanted for told in above)
        below = [told for threshold, told in points if threshold < chosen]
        assert not below or below[-1].alarms_an_hour > wanted
    else:
        assert chosen == THRESHOLDS[-1]


def test_a_perfect_detector_misses_nothing_and_gives_no_alarm():
    chances, ends = np.tile([0.0, 0.0, 1.0], (300, 1)), 1 + 0.1 * np.arange(300)
    for said in SAID:
        heard = (ends > said.end - 0.1) & (ends < said.end + 0.5)
        chances[heard] = np.eye(3)[LABELS.index(said.word)]
    track = tracked(chances, ends, LABELS, HOW, SAID, 0.01)
    points = curve(track)
    # Below a half, the last window, a half by the mean over two, is heard again after the rest.
    assert threshold_for(points, 0.5) == min(value for value in THRESHOLDS if value > 0.5 + 1e-9)
    assert (track.at(0.9).missed, track.at(0.9).alarms) == (0, 0)
