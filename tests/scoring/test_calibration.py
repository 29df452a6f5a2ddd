"""Calibration: the error by its definition, the temperature by its property."""

import numpy as np
import pytest
import torch

from speechsrt.scoring.calibration import BINS, best_temperature, reliability, tempered


def softmax(logits: np.ndarray) -> np.ndarray:
    return torch.tensor(logits).softmax(1).numpy()


def drawn(seed: int, clips: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are right, and classes drawn by them; then logits stretched by a scale."""
    draws = np.random.default_rng(seed)
    logits = 2 * draws.standard_normal((clips, 4))
    chances = softmax(logits)
    truth = np.array([draws.choice(4, p=row) for row in chances])
    return softmax(scale * logits), truth


def test_the_error_of_a_case_made_by_hand():
    chances = np.array([[0.9, 0.1], [0.9, 0.1], [0.55, 0.45], [0.45, 0.55]])
    told = reliability(chances, np.array([0, 1, 0, 1]))
    assert told.counts.sum() == 4
    assert told.error == pytest.approx((2 * abs(0.5 - 0.9) + 2 * abs(1 - 0.55)) / 4)


def test_certainty_lies_in_the_last_bin():
    told = reliability(np.array([[1.0, 0.0]]), np.array([0]))
    assert told.counts.tolist() == [0] * (BINS - 1) + [1]
    assert told.error == 0


def test_no_clips():
    nothing = np.zeros((0, 3))
    assert reliability(nothing, np.zeros(0, int)).error == 0
    assert best_temperature(nothing, np.zeros(0, int)) == 1.0
    assert tempered(nothing, 2.0).shape == (0, 3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_stretch(seed: int, scale: float):
    chances, truth = drawn(seed, 2000, scale)
    assert best_temperature(chances, truth) == pytest.approx(scale, rel=0.2)


def test_the_temperature_is_the_likeliest_and_keeps_the_words():
    chances, truth = drawn(0, 500, 3.0)
    best = best_temperature(chances, truth)

    def loss(temperature: float) -> float:
        return -np.log(tempered(chances, temperature)[np.arange(500), truth]).mean()

    assert loss(best) <= min(loss(best * 1.02), loss(best / 1.02), loss(1.0))
    mended = tempered(chances, best)
    assert (mended.argmax(1) == chances.argmax(1)).all()
    assert reliability(mended, truth).error < reliability(chances, truth).error / 2


@pytest.mark.parametrize("clips", [1, 20, 1000])
def test_clips_that_are_all_right_leave_a_doubt(clips: int):
    chances, truth = np.tile([[0.6, 0.4]], (clips, 1)), np.zeros(clips, int)
    mended = tempered(chances, best_temperature(chances, truth))
    assert mended[0, 0] == pytest.approx((clips + 1) / (clips + 2), abs=1e-3)


def test_one_class_alone_has_no_temperature():
    assert best_temperature(np.ones((3, 1)), np.zeros(3, int)) == 1.0


def test_temperature_one_changes_nothing():
    chances, _ = drawn(1, 20, 1.0)
    np.testing.assert_allclose(tempered(chances, 1.0), chances, rtol=1e-6)
