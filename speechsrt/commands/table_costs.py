"""What the missing runs of a table will take, by the rates of those that have run."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table as Screen

from speechsrt import config
from speechsrt.commands.benchmark import model_of
from speechsrt.commands.scoring import costs_of, counts
from speechsrt.commands.table_results import network_of
from speechsrt.commands.table_rows import Run, Table, named
from speechsrt.config.files import options
from speechsrt.reports.tables import short
from speechsrt.reports.tables import table as drawn

COLUMNS = ("run", "trained weights", "operations / s", "epochs", "minutes", "by the rate of")


@dataclass(frozen=True)
class Rate:
    """How long a run took: seconds of training for an hour of sound.

    Attributes:
        where: table and run.
        network: its class.
        operations: of the network for a second of audio.
        seconds: of training, of one job of however many there were, for an hour of sound.
    """

    where: str
    network: str
    operations: float
    seconds: float


def estimates(table: Table, missing: list[Run], output: Path, jobs: int) -> Screen:
    """Return what is missing with its size and the minutes that it is likely to take.

    A run's time is that of the measured run of the same kind of network whose operations are nearest, in
    proportion to operations and hours of sound.
    """
    rates = list(_rates(output))
    rows, total = [], 0.0
    for run in missing:
        if run.row.verb != "train":
            rows.append(
                (
                    run.name,
                    None,
                    None,
                    None,
                    None,
                    f"{run.row.verb} of {run.before.name if run.before else ''}",
                )
            )
            continue
        size = _size(run)
        rate = min(
            (r for r in rates if r.network == size["network"]),
            key=lambda r: abs(math.log(r.operations / size["operations"])),
            default=None,
        )
        minutes = None
        if rate and table.hours:
            minutes = size["epochs"] * table.hours * rate.seconds * size["operations"] / rate.operations / 60
            total += minutes
        rows.append(
            (
                run.name,
                size["trained_weights"],
                short(size["operations"]),
                size["epochs"],
                None if minutes is None else f"{minutes:.0f}",
                rate.where if rate else "nothing has run yet",
            )
        )
    title = f"{table.name}: {len(missing)} runs missing, {total / 60:.1f} hours of jobs"
    title += f", {total / 60 / jobs:.1f} hours with jobs={jobs}" if jobs > 1 else ""
    return drawn(f"{title}\n{table.needs}".strip(), COLUMNS, rows)


def _size(run: Run) -> dict[str, Any]:
    """Return what a run would train, found by building its model."""
    assert run.row.overrides is not None
    settings = config.load([*run.row.overrides])
    model = model_of(settings)
    told = counts(model, costs_of(model))
    told["operations"] = told["multiplications_per_second"] + told["additions_per_second"]
    return told | {"network": network_of(run), "epochs": settings["trainer"]["max_epochs"]}


def _rates(output: Path) -> Any:
    """Yield the rates of all results of all tables."""
    for name in options("table"):
        if not (output / name).is_dir():
            continue
        hours = named(name).hours
        for path in sorted((output / name).glob("*.json")):
            result = json.loads(path.read_text(encoding="utf-8"))
            if hours and result.get("epochs") and result.get("train_seconds") and not result.get("snr"):
                work = result["multiplications_per_second"] + result["additions_per_second"]
                seconds = result["train_seconds"] / result["epochs"] / hours
                yield Rate(f"{name}/{path.stem}", result["network"], work, seconds)
