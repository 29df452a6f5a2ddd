"""The report of a keyword run: how good, how large, on what, and where it goes wrong."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from speechsrt.reports import plots
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Grid, Paragraph, Part, Picture, Preformatted, Section, write_report
from speechsrt.reports.tables import ABSENT, Cell, Row, cell, percent, short

LAYER_COLUMNS = (
    "name",
    "role",
    "kind",
    "shape",
    "trained_weights",
    "stored_bits",
    "multiplications",
    "additions",
)


class Score(Protocol):
    """What the report reads of a scored split; K words."""

    @property
    def labels(self) -> Sequence[str]:
        """The K words."""
        ...

    @property
    def confusion(self) -> ArrayLike:
        """(K, K) counts, rows what was said."""
        ...

    def per_word(self) -> Sequence[tuple[str, int, float | None, float | None]]:
        """Word, clips, precision, recall."""
        ...

    def mistakes(self, n: int = 20) -> Sequence[tuple[str, str, str, float]]:
        """Clip, word said, word heard, probability of that; surest first."""
        ...


def keyword_report(
    path: str | os.PathLike[str],
    metrics: Mapping[str, Any],
    score: Score,
    history: Sequence[Mapping[str, object]],
    layers: Sequence[Mapping[str, Any]],
    config_text: str,
) -> None:
    """Write the page at `path`, and `confusion.png` beside it.

    Args:
        path: Usually `report.html` in the run folder, which exists.
        metrics: The object of `metrics.json`.
        score: The predictions on the split that `metrics` names.
        history: The rows of `metrics.csv`; none where nothing was trained.
        layers: One row a layer with the keys of `LAYER_COLUMNS`.
        config_text: The resolved configuration as YAML.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    picture = plots.confusion(score.labels, score.confusion)
    write_atomically(Path(path).with_name("confusion.png"), picture)
    title = f"Keywords: {metrics.get('data', ABSENT)}, {metrics.get('split', ABSENT)} split"
    sections = [
        Section("Run", [Grid(("what", "value"), _run_rows(metrics))]),
        Section("Training", _training(history)),
        Section("Word by word", [_words(score)]),
        Section("Said and heard", [Paragraph(_CONFUSION_TEXT), Picture(picture, _describe(score))]),
        Section("Surest mistakes", _mistakes(score)),
        Section("Layers", [_layers(layers)]),
        Section("Configuration", [Preformatted(config_text, "the configuration, resolved")]),
    ]
    write_report(path, title, _summary(metrics), sections)


_CONFUSION_TEXT = (
    "A row is the word that was said, a column the word that was heard: blue where right, orange where "
    "mistaken. Blue is as deep as the share of the row, orange as its cube root, so that rare mistakes show. "
    "A word whose script the picture's font lacks stands as its number in the table above."
)


def _summary(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    def counted(key: str, unit: str = "", divisor: int = 1) -> str:
        return ABSENT if metrics.get(key) is None else short(metrics[key] / divisor, unit)

    return [
        (
            "accuracy, with its 95 % interval",
            percent(metrics.get("accuracy"), metrics.get("accuracy_interval")),
        ),
        ("mean over words", percent(metrics.get("macro_accuracy"))),
        ("clips", cell(metrics.get("utterances"))),
        ("trained weights", counted("trained_weights")),
        ("total weights", counted("total_weights")),
        ("stored", counted("stored_bits", "B", divisor=8)),
        ("multiplications / s", counted("multiplications_per_second")),
        ("additions / s", counted("additions_per_second")),
    ]


def _run_rows(metrics: Mapping[str, Any]) -> list[Row]:
    seconds = metrics.get("train_seconds")
    names = {
        "data": "data",
        "split": "split",
        "split_hash": "split hash",
        "seed": "seed",
        "epochs": "epochs",
        "minutes": "minutes of training",
        "commit": "commit",
        "trained_weights": "trained weights",
        "total_weights": "total weights",
        "stored_bits": "stored bits",
        "multiplications_per_second": "multiplications per second of audio",
        "additions_per_second": "additions per second of audio",
    }
    seed = metrics.get("seed")
    written = {
        "seed": None if seed is None else str(seed),
        "minutes": None if seconds is None else f"{seconds / 60:.1f}",
    }
    known = {**metrics, **written}
    return [(name, _plain(known.get(key))) for key, name in names.items()]


def _plain(value: Any) -> Cell:
    """A number for the table to write; anything else as its own text."""
    return value if value is None or isinstance(value, int | float) else str(value)


def _training(history: Sequence[Mapping[str, object]]) -> list[Part]:
    if not history:
        return [Paragraph("Nothing was trained in this run: the model is scored as it was given.")]
    return [Picture(plots.curves(history), "Loss and validation accuracy over the training")]


def _words(score: Score) -> Grid:
    rows = [
        (number, word, clips, percent(precision), percent(recall))
        for number, (word, clips, precision, recall) in enumerate(score.per_word(), start=1)
    ]
    return Grid(("no.", "word", "clips", "precision", "recall"), rows)


def _describe(score: Score) -> str:
    counts = np.asarray(score.confusion)
    return f"Confusion of {len(score.labels)} words: {counts.trace():,} of {counts.sum():,} clips heard right"


def _mistakes(score: Score) -> list[Part]:
    rows = [(name, said, heard, percent(probability)) for name, said, heard, probability in score.mistakes()]
    if not rows:
        return [Paragraph("None: every clip was heard right.")]
    return [Grid(("file", "said", "heard", "probability"), rows)]


def _layers(layers: Sequence[Mapping[str, Any]]) -> Grid:
    rows = [[_layer_cell(layer.get(column)) for column in LAYER_COLUMNS] for layer in layers]
    return Grid([column.replace("_", " ") for column in LAYER_COLUMNS], rows)


def _layer_cell(value: Any) -> Cell:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else _plain(value)
