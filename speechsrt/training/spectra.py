"""``spectra.csv``: how low the rank of each penalised layer has become, a line a layer and epoch.

Written where a layer has ``trace_norm`` or ``l2``, which is how the first of two stages is watched (Kliegl et
al. 2017, figures 1 and 2).
"""

import csv
import io
from pathlib import Path
from typing import Any

import lightning as L

from speechsrt.pointwise.placement import Placed
from speechsrt.pointwise.spectrum import nu, rank_for, singular_values
from speechsrt.reports.files import write_atomically
from speechsrt.training.history import read_history

COLUMNS: tuple[str, ...] = ("epoch", "layer", "nu", "rank_90", "trace_norm")
PENALTIES = ("trace_norm", "l2")
EXPLAINED = 0.9


def watched(placed: list[Placed]) -> list[Placed]:
    """Return the layers whose spectra are of interest: those with a penalty that makes them low."""
    return [found for found in placed if any(found.layer.settings().get(name) for name in PENALTIES)]


class Spectra(L.Callback):
    """Write a line a layer at the end of each epoch, and drop those that a resumed run is about to repeat.

    Args:
        path: the file; without a layer to watch there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the lines of the epochs that are done."""
        self.rows = [row for row in read_history(self.path) if int(row["epoch"]) < trainer.current_epoch]

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Write the epoch's lines."""
        layers = watched(pl_module.model.placed)
        if not layers or not trainer.is_global_zero:
            return
        self.rows += [{"epoch": trainer.current_epoch} | _told(placed) for placed in layers]
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())


def _told(placed: Placed) -> dict[str, Any]:
    values = singular_values(placed.layer.weight())
    return {
        "layer": placed.slot.name,
        "nu": f"{nu(values):.6f}",
        "rank_90": rank_for(values, EXPLAINED),
        "trace_norm": f"{float(values.sum()):.6g}",
    }
