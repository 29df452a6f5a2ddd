"""The report of a keyword run: how good, how large, on what, and where it goes wrong."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from speechsrt.reports import plots
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Grid, Paragraph, Part, Picture, Section, write_report
from speechsrt.reports.run import cost_tiles, layers_section, run_section, settings_section, training_section
from speechsrt.reports.tables import ABSENT, cell, percent


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
    more: Sequence[Section] = (),
) -> None:
    """Write the page at `path`, and `confusion.png` beside it.

    Args:
        path: Usually `report.html` in the run folder, which exists.
        metrics: The object of `metrics.json`.
        score: The predictions on the split that `metrics` names.
        history: The rows of `metrics.csv`; none where nothing was trained.
        layers: One row a layer with the keys of `run.LAYER_COLUMNS`.
        config_text: The resolved configuration as YAML.
        more: What else the run tells, before the layers.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    picture = plots.confusion(score.labels, score.confusion)
    write_atomically(Path(path).with_name("confusion.png"), picture)
    title = f"Keywords: {metrics.get('data', ABSENT)}, {metrics.get('split', ABSENT)} split"
    sections = [
        run_section(metrics),
        training_section(history, metrics),
        Section("Word by word", [_words(score)]),
        Section("Said and heard", [Paragraph(_CONFUSION_TEXT), Picture(picture, _describe(score))]),
        Section("Surest mistakes", _mistakes(score)),
        *more,
        layers_section(layers),
        settings_section(config_text),
    ]
    write_report(path, title, _summary(metrics), sections)


_CONFUSION_TEXT = (
    "A row is the word that was said, a column the word that was heard: blue where right, orange where "
    "mistaken. Blue is as deep as the share of the row, orange as its cube root, so that rare mistakes show. "
    "A word whose script the picture's font lacks stands as its number in the table above."
)


def _summary(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "accuracy, with its 95 % interval",
            percent(metrics.get("accuracy"), metrics.get("accuracy_interval")),
        ),
        ("mean over words", percent(metrics.get("macro_accuracy"))),
        ("clips", cell(metrics.get("utterances"))),
        *cost_tiles(metrics),
    ]


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
