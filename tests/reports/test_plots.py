import io
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from speechsrt.reports import plots

ODD_LABELS = [
    "schöön",
    '<b>&"',
    "日本語",
    "$x$ $",
    "\\frac{",
    "",
    "\n",
    "مرحبا",
    "Привет",
    "a word " * 9,
    "👍",
    "\udcff",
]


def decoded(png: bytes) -> np.ndarray:
    """(height, width, 4) in [0, 1]."""
    assert png.startswith(b"\x89PNG")
    return imread(io.BytesIO(png))


def has_colour(png: bytes, hue: str) -> bool:
    wanted = [int(hue[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return bool((np.abs(decoded(png)[:, :, :3] - wanted) < 0.01).all(axis=2).any())


@pytest.mark.parametrize("classes", [1, 2, 10, 35, 130])
def test_confusion_of_every_size_stays_readable_in_size(classes):
    height, width, _ = decoded(
        plots.confusion([f"w{k}" for k in range(classes)], np.eye(classes, dtype=int))
    ).shape
    assert 250 < width < 3000
    assert 250 < height < 3000


def test_right_is_blue_and_mistaken_orange():
    right, wrong = (
        plots.confusion(["a", "b"], [[5, 0], [0, 5]]),
        plots.confusion(["a", "b"], [[0, 5], [5, 0]]),
    )
    assert has_colour(right, plots.BLUE)
    assert not has_colour(right, plots.ORANGE)
    assert has_colour(wrong, plots.ORANGE)
    assert not has_colour(wrong, plots.BLUE)


def test_confusion_of_no_clips():
    decoded(plots.confusion(["a", "b"], np.zeros((2, 2), int)))


def test_counts_of_any_length_are_written():
    decoded(plots.confusion(["a", "b"], [[1_234_567, 1], [0, 0]]))


def test_odd_labels_draw_without_a_warning():
    decoded(plots.confusion(ODD_LABELS, np.eye(len(ODD_LABELS), dtype=int)))


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=4))
def test_any_label_draws_without_a_warning(labels):
    decoded(plots.confusion(labels, np.eye(len(labels), dtype=int)))


def test_labels_the_font_lacks_stand_as_their_number():
    confused = np.eye(2, dtype=int)
    assert plots.confusion(["日本", "שלום"], confused) == plots.confusion(["No. 1", "No. 2"], confused)
    assert plots.confusion(["schöön", "да"], confused) != plots.confusion(["No. 1", "No. 2"], confused)


def test_the_same_numbers_give_the_same_bytes():
    assert plots.confusion(["a"], [[3]]) == plots.confusion(["a"], [[3]])
    assert b"matplotlib" not in plots.confusion(["a"], [[3]]).lower()


def test_curves_read_a_csv_with_holes():
    history = [
        {"epoch": "0", "step": "10", "train_loss": "2.5", "val_loss": "", "val_accuracy": ""},
        {"epoch": "0", "step": "10", "val_loss": "2.0", "val_accuracy": "0.5"},
        {"epoch": 1, "step": 20, "train_loss": 1.5, "val_loss": None, "val_accuracy": None},
        {"epoch": 1, "step": 20, "train_loss": math.nan, "val_loss": 1.0, "val_accuracy": 0.75},
    ]
    whole = [
        {"epoch": 0, "train_loss": 2.5, "val_loss": 2.0, "val_accuracy": 0.5},
        {"epoch": 1, "train_loss": 1.5, "val_loss": 1.0, "val_accuracy": 0.75},
    ]
    assert plots.curves(history) == plots.curves(whole)


def test_curves_count_steps_where_an_epoch_has_several_rows():
    history = [{"epoch": 0, "step": step, "train_loss": 1 / step} for step in (10, 20, 30)]
    by_step = [{"step": row["step"], "train_loss": row["train_loss"]} for row in history]
    assert plots.curves(history) == plots.curves(by_step)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [{}],
        [{"epoch": 0, "train_loss": 1.0}],
        [{"epoch": 3, "val_accuracy": 1.0}],
        [{"val_accuracy": 0.5}],
    ],
)
def test_curves_of_next_to_nothing(history):
    decoded(plots.curves(history))


def test_accuracy_gets_a_panel_only_where_it_is_known():
    with_accuracy = plots.curves([{"epoch": 0, "train_loss": 1.0, "val_accuracy": 0.5}])
    assert (
        decoded(with_accuracy).shape[0]
        > 1.5 * decoded(plots.curves([{"epoch": 0, "train_loss": 1.0}])).shape[0]
    )


def test_error_rates_share_a_panel_and_accuracy_has_its_own():
    loss = {"epoch": 0, "train_loss": 1.0}
    accuracy, errors = loss | {"val_accuracy": 0.5}, loss | {"val_wer": 0.5, "val_cer": 0.2}
    assert decoded(plots.curves([errors])).shape[0] == pytest.approx(
        decoded(plots.curves([accuracy])).shape[0], rel=0.02
    )
    assert has_colour(plots.curves([errors]), plots.ORANGE)
    assert not has_colour(plots.curves([loss | {"val_wer": 0.5}]), plots.ORANGE)
    assert not has_colour(plots.curves([accuracy]), plots.ORANGE)


def test_the_best_of_a_rate_is_highest_or_lowest_as_the_rate_asks():
    best = {rate.column: rate.best([0.2, 0.9, 0.4]) for rate in plots.RATES}
    assert best == {"val_accuracy": 0.9, "val_wer": 0.2, "val_cer": 0.2}


def test_the_point_stands_where_the_model_was_kept(monkeypatch):
    titles = []
    monkeypatch.setattr(plots, "dress", lambda axes, title: titles.append(title))
    history = [{"epoch": k, "val_wer": wer, "val_cer": 0.3} for k, wer in enumerate([0.9, 0.7, 0.8])]
    rates = []
    for kept in (None, 1, 2, 5, -1):
        plots.curves(history, kept)
        rates.append(titles[-1])
    best = "validation word error rate, best 70.0 % at epoch 1"
    assert rates == [best, best, "validation word error rate, kept 80.0 % at epoch 2", best, best]
    plots.curves([row | {"step": k} for k, row in enumerate([*history, history[-1]])], 2)
    assert titles[-1] == "validation word error rate, best 70.0 % at step 1"


def test_error_rates_above_one_and_with_holes_draw():
    rows = [
        {"epoch": k, "val_wer": wer, "val_cer": 0.3} for k, wer in enumerate(["1.7", "", None, "nan", "0.4"])
    ]
    without = [row for row in rows if row["epoch"] in (0, 4)]
    cers = [{"epoch": k, "val_cer": 0.3} for k in (1, 2, 3)]
    assert plots.curves(rows) == plots.curves(sorted(without + cers, key=lambda row: row["epoch"]))
