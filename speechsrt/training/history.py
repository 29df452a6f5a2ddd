"""``metrics.csv``: one line an epoch, one file over all resumes of a run."""

import csv
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L

from speechsrt.reports.files import write_atomically

KEYWORD_SCORES = ("val_accuracy",)
CTC_SCORES = ("val_wer", "val_cer")


def columns(scores: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of a ``metrics.csv`` whose validation is told by such scores."""
    return ("epoch", "step", "train_loss", "val_loss", *scores, "lr", "seconds")


def read_history(path: Path) -> list[dict[str, str]]:
    """Return the lines of a ``metrics.csv``; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class History(L.Callback):
    """Write a line at the end of each epoch, and drop the lines that a resumed run is about to repeat.

    Args:
        path: the file.
        scores: names of what the validation is told by.
        say: where given, is handed one readable line an epoch.
    """

    def __init__(self, path: Path, scores: tuple[str, ...], say: Callable[[str], None] | None = None) -> None:
        self.path, self.say = path, say
        self.columns = columns(scores)
        self.rows: list[dict[str, Any]] = []
        self._began = self._spent = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Return the seconds spent on the epoch so far."""
        return {"spent": time.monotonic() - self._began}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from stored seconds."""
        self._spent = state_dict["spent"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the lines of the epochs that are done, and go on with the clock of one begun."""
        self._began = time.monotonic() - self._spent
        self.rows = [row for row in read_history(self.path) if int(row["epoch"]) < trainer.current_epoch]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write the epoch's line."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row: dict[str, Any] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row |= {name: repr(values[name]) for name in self.columns if name in values}
        row["lr"] = repr(trainer.optimizers[0].param_groups[0]["lr"])
        row["seconds"] = f"{time.monotonic() - self._began:.2f}"
        self.rows.append(row)
        if trainer.is_global_zero:
            self._write()
            if self.say:
                self.say(self._line(row, trainer.max_epochs))

    def _write(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())

    def _line(self, row: dict[str, Any], epochs: int | None) -> str:
        parts = [f"epoch {int(row['epoch']) + 1}/{epochs}"]
        parts += [f"{name} {float(row[name]):.4f}" for name in self.columns[2:-2] if name in row]
        return "  ".join([*parts, f"{float(row['seconds']):.1f} s"])
