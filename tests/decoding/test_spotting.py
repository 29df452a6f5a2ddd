"""Detections: one event for what lasts, in windows that come in any pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.decoding.spotting import Detection, Operating, Smoother, Spotter, events
from speechsrt.errors import UserError

LABELS = ("go", "stop", "unknown")


def settings(**changed: float) -> Operating:
    """A window every tenth of a second, unsmoothed, half a second of rest."""
    return Operating(**{"threshold": 0.6, "smooth_seconds": 0.1, "refractory_seconds": 0.5} | changed)


def track(*rows: tuple[int, float, float]) -> np.ndarray:
    """So many windows of each pair of probabilities of go and stop."""
    return np.concatenate([np.tile([go, stop, 1 - go - stop], (count, 1)) for count, go, stop in rows])


def spotted(scores: np.ndarray, how: Operating, pieces: int = 1) -> list[Detection]:
    spotter, ends = Spotter(LABELS, how, 1.0), 1 + 0.1 * np.arange(len(scores))
    parts = zip(np.array_split(scores, pieces), np.array_split(ends, pieces), strict=True)
    return [detection for part, end in parts for detection in spotter(part, end)]


def test_what_lasts_is_one_event_where_it_begins():
    scores = track((10, 0, 0), (4, 0.9, 0), (10, 0, 0))
    (found,) = spotted(scores, settings())
    assert found.word == "go"
    assert (found.start, found.end, found.score) == pytest.approx((1.0, 2.0, 0.9))


def test_after_its_rest_a_word_is_told_again():
    scores = track((1, 0, 0), (12, 0.9, 0))
    assert [round(d.end, 1) for d in spotted(scores, settings())] == [1.1, 1.6, 2.1]


def test_words_rest_apart():
    scores = track((1, 0.9, 0), (1, 0, 0.9), (3, 0.9, 0))
    assert [(d.word, round(d.end, 1)) for d in spotted(scores, settings())] == [("go", 1.0), ("stop", 1.1)]


def test_unknown_is_never_told():
    assert not spotted(track((20, 0, 0)), settings())


def test_the_threshold_is_reached_by_the_mean():
    scores = track((5, 0, 0), (2, 0.9, 0), (5, 0, 0))
    assert not spotted(scores, settings(smooth_seconds=0.3, threshold=0.61))
    (found,) = spotted(scores, settings(smooth_seconds=0.3, threshold=0.6))
    assert (round(found.end, 1), found.score) == (1.6, pytest.approx(0.6))


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(1, 6), st.integers(1, 9), st.integers(1, 7))
def test_pieces_make_no_difference(values: list[float], smooth: int, rest: int, pieces: int):
    go = np.array(values)
    scores = np.stack([go, 0.5 * (1 - go), 0.5 * (1 - go)], 1)
    how = settings(smooth_seconds=0.1 * smooth, refractory_seconds=0.1 * rest, threshold=0.5)
    assert spotted(scores, how, pieces) == spotted(scores, how)


@given(st.lists(st.floats(0, 1), max_size=40), st.integers(1, 6))
def test_means_are_those_of_the_last_windows(values: list[float], windows: int):
    scores = np.array(values).reshape(-1, 1)
    smoothed = Smoother(windows)(scores)
    slow = [np.mean(values[max(0, k - windows + 1) : k + 1]) for k in range(len(values))]
    np.testing.assert_allclose(smoothed[:, 0], slow, atol=1e-12)


@given(st.lists(st.floats(0, 1), max_size=60), st.integers(1, 9), st.floats(0.01, 1))
def test_events_of_a_whole_track_are_the_spotters(values: list[float], rest: int, threshold: float):
    go = np.array(values)
    scores = np.stack([go, np.zeros_like(go), 1 - go], 1)
    how = settings(refractory_seconds=0.1 * rest, threshold=threshold)
    times = [round((d.end - 1) / 0.1) for d in spotted(scores, how) if d.word == "go"]
    assert events(go, threshold, rest) == times


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"threshold": 0.0}, "threshold=0: choose above 0 and at most 1"),
        ({"threshold": 1.1}, "threshold=1.1: choose above 0"),
        ({"step_seconds": 0.0}, "step_seconds=0: choose above 0"),
        ({"smooth_seconds": -1.0}, "smooth_seconds=-1: choose above 0"),
        ({"refractory_seconds": float("nan")}, "refractory_seconds=nan: choose above 0"),
        ({"temperature": 0.0}, "temperature=0: choose above 0"),
    ],
)
def test_mistakes(changed: dict[str, float], message: str):
    with pytest.raises(UserError) as caught:
        settings(**changed)
    assert str(caught.value).startswith(message)
