"""What a run folder tells of a scored model: ``metrics.json``, ``predictions.csv``, the pages of its task."""

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import speechsrt
from speechsrt.commands.scoring import costs_of, counts, layer_rows
from speechsrt.commands.screen import output
from speechsrt.commands.spectra import spectra_sections
from speechsrt.commands.task import Task
from speechsrt.models.model import SpeechModel
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import short, table
from speechsrt.training.history import read_history


def write_results(
    folder: Path, task: Task, about: dict[str, Any], model: SpeechModel, result: Any, settings: str
) -> dict[str, Any]:
    """Write ``predictions.csv``, ``report.html`` and what else the task has; return the metrics.

    Args:
        folder: the run's.
        task: the model's.
        about: what of ``metrics.json`` the run knows: data, split, its hash, seed, seconds and epochs.
        model: what was scored, on the CPU.
        result: its score.
        settings: the text of ``config.yaml``.
    """
    layers = costs_of(model)
    metrics = {"task": task.name} | about | result.metrics() | counts(model, layers) | {"commit": commit()}
    write_atomically(folder / "predictions.csv", _csv(result.predictions()))
    history: list[dict[str, object]] = [dict(row) for row in read_history(folder / "metrics.csv")]
    rows = layer_rows(layers, model.reference_seconds)
    task.report(folder, metrics, result, history, rows, settings, spectra_sections(folder, model))
    return metrics


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write ``metrics.json``, the last file of a run: where it is, all else is."""
    text = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    write_atomically(folder / "metrics.json", text.encode())


def _csv(rows: list[dict[str, Any]]) -> bytes:
    """Return rows under their names; a file name that is no valid Unicode is written as well as can be."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0] if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def print_metrics(metrics: dict[str, Any], task: Task, folder: Path) -> None:
    """Print a run's summary."""
    rows = [
        *task.summary(metrics),
        ("trained weights", f"{metrics['trained_weights']:,}"),
        ("stored bits", f"{metrics['stored_bits']:,}"),
        ("multiplications a second", short(metrics["multiplications_per_second"])),
        ("additions a second", short(metrics["additions_per_second"])),
        ("training", f"{metrics['epochs']} epochs, {metrics['train_seconds'] / 60:.1f} minutes"),
    ]
    output.print(table(f"{metrics['data']}, {metrics['split']}", ["", ""], rows))
    output.print(f"report: {folder / 'report.html'}")


def commit() -> str:
    """Return the commit of the checkout this package runs from, else the release's version."""
    folder = Path(speechsrt.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return speechsrt.__version__
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return speechsrt.__version__
    return done.stdout.strip() or speechsrt.__version__
