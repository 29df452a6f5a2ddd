import pytest

from speechsrt.reports import plots
from speechsrt.reports.run import LAYER_COLUMNS, cost_tiles, layers_section, run_section, training_section
from speechsrt.reports.tables import ABSENT


def test_what_is_not_known_is_a_dash():
    assert {value for _, value in cost_tiles({})} == {ABSENT}
    assert run_section({}).html().count(f"<td>{ABSENT}</td>") == 12


def test_counts_are_short_in_the_tiles_and_whole_in_the_table():
    metrics = {"trained_weights": 41_914, "stored_bits": 1_341_248, "train_seconds": 90, "seed": 1234}
    assert dict(cost_tiles(metrics))["stored"] == "168 KB"
    assert dict(cost_tiles(metrics))["trained weights"] == "41.9 K"
    html = run_section(metrics).html()
    for text in ("41,914", "1,341,248", ">1.5<", ">1234<"):
        assert text in html


@pytest.mark.parametrize(("history", "tag"), [([], "<p>Nothing was trained"), ([{"epoch": 0}], "<img ")])
def test_training_is_drawn_where_there_was_some(history, tag):
    assert tag in training_section(history, {"best_epoch": 1}).html()


def test_the_epoch_that_was_kept_is_counted_from_one(monkeypatch):
    told = []
    monkeypatch.setattr(plots, "curves", lambda history, kept: told.append(kept) or b"")
    for metrics in ({}, {"best_epoch": 3}):
        training_section([{"epoch": 0}], metrics)
    assert told == [None, 2]


def test_a_layer_lacks_no_column():
    html = layers_section([{"name": "block1.0", "shape": [64, 128], "additions": 819}]).html()
    assert "64x128" in html
    assert html.count("<td") == len(LAYER_COLUMNS)
