"""What the report of every run tells, whatever it was trained for: its facts, its training, its layers."""

from collections.abc import Mapping, Sequence
from typing import Any

from speechsrt.reports import plots
from speechsrt.reports.page import Grid, Paragraph, Picture, Preformatted, Section
from speechsrt.reports.tables import ABSENT, Cell, Row, short

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


def cost_tiles(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The part of the summary that tells what the model costs."""

    def counted(key: str, unit: str = "", divisor: int = 1) -> str:
        return ABSENT if metrics.get(key) is None else short(metrics[key] / divisor, unit)

    return [
        ("trained weights", counted("trained_weights")),
        ("total weights", counted("total_weights")),
        ("stored", counted("stored_bits", "B", divisor=8)),
        ("multiplications / s", counted("multiplications_per_second")),
        ("additions / s", counted("additions_per_second")),
    ]


def run_section(metrics: Mapping[str, Any]) -> Section:
    """What the run was, from the object of `metrics.json`."""
    return Section("Run", [Grid(("what", "value"), _run_rows(metrics))])


def training_section(history: Sequence[Mapping[str, object]], metrics: Mapping[str, Any]) -> Section:
    """The learning curves, from the rows of `metrics.csv`; none where nothing was trained."""
    if not history:
        untrained = "Nothing was trained in this run: the model is scored as it was given."
        return Section("Training", [Paragraph(untrained)])
    alt = "Loss, and the score on the validation split, over the training"
    best = metrics.get("best_epoch")  # counted from 1, the rows from 0
    return Section("Training", [Picture(plots.curves(history, None if best is None else best - 1), alt)])


def layers_section(layers: Sequence[Mapping[str, Any]]) -> Section:
    """One row a layer, with the keys of `LAYER_COLUMNS`."""
    rows = [[_layer_cell(layer.get(column)) for column in LAYER_COLUMNS] for layer in layers]
    return Section("Layers", [Grid([column.replace("_", " ") for column in LAYER_COLUMNS], rows)])


def settings_section(config_text: str) -> Section:
    """The resolved configuration, folded."""
    return Section("Configuration", [Preformatted(config_text, "the configuration, resolved")])


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


def _layer_cell(value: Any) -> Cell:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else _plain(value)
