"""What the missing runs of a table will take, by the rates of those that have run."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rich.table import Table as Screen

from speechsrt import config
from speechsrt.commands.benchmark import model_of
from speechsrt.commands.scoring import costs_of, counts
from speechsrt.commands.table_results import network_of, read_result
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
        rows: the names of the rows of its table, which a twin has too.
        machine: the processor or GPU that it ran on.
    """

    where: str
    network: str
    operations: float
    seconds: float
    rows: frozenset[str]
    machine: str


@dataclass(frozen=True)
class Size:
    """What a run would train, found by building its model."""

    network: str
    trained_weights: int
    operations: float
    epochs: int


def estimates(
    table: Table, todo: list[Run], missing: int, output: Path, runs: Path, jobs: int, here: str
) -> Screen:
    """Return what is missing with its size and the minutes that it is likely to take.

    A run's time is that of the measured runs of the same kind of network whose operations are nearest, in
    proportion to operations and hours of sound; of this machine's before those of others, then of a twin's,
    the median. What is compressed counts as what it begins with.

    Args:
        table: the table.
        todo: what will run: its missing runs, and before them what they begin with.
        missing: how many of them are its own missing ones.
        output: where results are kept, of this table and of others.
        runs: where run folders are; of what is done there the result alone is missing.
        jobs: runs at once.
        here: the processor or GPU that will run them.
    """
    rates = [rate for folder in {output.absolute(), Path("results").absolute()} for rate in _rates(folder)]
    sizes: dict[tuple[str, str], Size | None] = {}
    lines, times, elsewhere = [], list[float | None](), set[str]()
    for run in todo:
        name = run.name if run.table is table else f"{run.table.name}/{run.name}"
        row = (run.table.name, run.row.name)
        if (run.folder(runs) / "metrics.json").is_file():
            lines.append((name, None, None, None, "0", "it has run"))
            continue
        if row not in sizes:
            sizes[row] = _size(run)
        if (size := sizes[row]) is None:
            lines.append((name, None, None, None, None, f"{run.row.verb}, seconds"))
            continue
        minutes, rate = likely(size, run.table, rates, here)
        times.append(minutes)
        told = (size.trained_weights, short(size.operations), size.epochs, minutes and f"{minutes:,.0f}")
        lines.append((name, *told, rate.where if rate else "nothing like it has run yet"))
        elsewhere |= {rate.machine} - {here} if rate and minutes else set()
    title = [_head(table.name, len(todo), missing, times, jobs), table.needs]
    if elsewhere:
        title.append(
            f"rates of {', '.join(sorted(elsewhere))}; where a run has ended on this machine, its own"
        )
    return drawn("\n".join(filter(None, title)), COLUMNS, lines)


def _head(name: str, todo: int, missing: int, times: list[float | None], jobs: int) -> str:
    """Return how many runs are missing, and how long they will take."""
    hours, untold = sum(minutes or 0.0 for minutes in times) / 60, times.count(None)
    before = f" and {todo - missing} that they begin with" if todo > missing else ""
    at_once = f", {hours / jobs:,.1f} hours with jobs={jobs}" if jobs > 1 else ""
    unknown = f", and {untold} runs of which no rate or no hours: are known" if untold else ""
    return f"{name}: {missing} runs missing{before}, {hours:,.1f} hours of jobs{at_once}{unknown}"


def likely(size: Size, table: Table, rates: list[Rate], here: str) -> tuple[float | None, Rate | None]:
    """Return how long a run is likely to take here, and by whose rate; None where nothing tells."""

    def distance(rate: Rate) -> tuple[bool, float, bool]:
        apart = abs(math.log(rate.operations / size.operations))
        return rate.machine != here, round(apart, 1), rate.rows != frozenset(table.rows)

    alike = [rate for rate in rates if rate.network == size.network]
    nearest = min(map(distance, alike), default=None)
    ties = sorted((r for r in alike if distance(r) == nearest), key=lambda r: r.seconds / r.operations)
    rate = ties[len(ties) // 2] if ties else None
    if rate is None or table.hours is None:
        return None, rate
    return size.epochs * table.hours * rate.seconds * size.operations / rate.operations / 60, rate


def _size(run: Run) -> Size | None:
    """Return what a run trains; None where it trains nothing."""
    before = run.before
    assert run.row.overrides is not None
    if run.row.verb == "evaluate":
        return None
    if run.row.verb == "compress" and before is not None and (size := _size(before)):
        typed = [text for text in run.row.overrides if text.startswith("trainer.max_epochs=")]
        return replace(size, epochs=config.load(typed)["trainer"]["max_epochs"]) if typed else size
    settings = config.load(run.row.overrides)
    model = model_of(settings)
    told = counts(model, costs_of(model))
    operations = told["multiplications_per_second"] + told["additions_per_second"]
    return Size(network_of(run), told["trained_weights"], operations, settings["trainer"]["max_epochs"])


def _rates(output: Path) -> Iterator[Rate]:
    """Yield the rates of all results of all tables."""
    for name in options("table"):
        if not (output / name).is_dir():
            continue
        hours, rows = named(name).hours, frozenset(named(name).rows)
        for path in sorted((output / name).glob("*.json")):
            result = read_result(path)
            if hours and result.get("epochs") and result.get("train_seconds") and not result.get("snr"):
                work = result["multiplications_per_second"] + result["additions_per_second"]
                seconds = result["train_seconds"] / result["epochs"] / hours
                yield Rate(f"{name}/{path.stem}", result["network"], work, seconds, rows, result["machine"])
