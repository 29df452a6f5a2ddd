"""``speechsrt table``: run the rows of a table that are missing, and write all that are there.

Each run is a command line of its own, in a folder of its own below ``run_dir``; what was killed goes on where
it was. A small file a run and the table as JSON, Markdown, CSV and a page are kept below ``output``.
"""

import os
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import speechsrt
from speechsrt.build import suggest
from speechsrt.commands.foreign import REMEDIES
from speechsrt.commands.processes import interruptible
from speechsrt.commands.screen import console, say
from speechsrt.commands.screen import output as screen
from speechsrt.commands.table_costs import estimates
from speechsrt.commands.table_pages import write_table
from speechsrt.commands.table_results import (
    found,
    kept_anywhere,
    machine,
    of_other_clips,
    outdated,
    result_of,
    results_of,
    write_result,
)
from speechsrt.commands.table_rows import Run, Table, beginnings, runs_of, table_of
from speechsrt.commands.table_runner import Ended, Runner
from speechsrt.commands.table_summary import check_columns
from speechsrt.config.files import options
from speechsrt.errors import UserError
from speechsrt.models.model import TASKS
from speechsrt.reports.tables import table as drawn

OWN = ("table", "dry", "jobs", "only", "seeds", "run_dir", "output")
PASSED = ("data_root", "workers", "hold_hours", "compile", "save_minutes")
"""Keys that go on to the rows whose task has a use for them: where and how these run, not what they are."""


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong with a table, or with what is typed beside it."""
    _chosen(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Run what is missing, or list it; return what ``NAME.json`` holds, of a dry run nothing."""
    table, wanted = _chosen(config)
    runs = Path(config["run_dir"] or "runs/tables").expanduser().absolute()
    kept = Path(config["output"] or "results").expanduser()
    missing = [run for run in wanted if found(run, kept) is None]
    say([f"{run.name}: its recipe has changed since it ran" for run in missing if outdated(run, kept)])
    if not config["dry"]:
        _check_folder("output", kept)
    missing = _not_elsewhere(missing, kept, write=not config["dry"])
    todo = _with_bases(missing, runs)
    if config["dry"]:
        here = machine(config["trainer"]["accelerator"])
        screen.print(estimates(table, todo, len(missing), kept, runs, config["jobs"], here))
        return {}
    if missing:
        _check_folder("run_dir", runs)
    else:
        console.print(
            f"{table.name}: all that was asked for is there, in {kept}; output= and run_dir= with other "
            "folders make it anew"
        )
    ends = _execute(todo, missing, runs, kept, config)
    results = results_of(table, kept)
    say(of_other_clips(results))
    told, grids = write_table(table, results, kept)
    for title, columns, rows in grids:
        screen.print(drawn(title, columns, rows))
    screen.print(f"table: {kept / table.name}.html")
    if ends[Ended.LEFT]:
        console.print(
            f"{table.name}: {ends[Ended.LEFT]} of {len(missing)} runs are left to the processes that are at "
            "them; once these have ended, the same command keeps what they made"
        )
    if ends[Ended.FAILED]:
        raise UserError(
            f"table={table.name}: {ends[Ended.FAILED]} of {len(missing)} runs failed, see above; "
            "the others are kept"
        )
    return told


def _chosen(config: dict[str, Any]) -> tuple[Table, list[Run]]:
    """Return the table, and the runs that ``only=`` leaves of it."""
    if config["table"].get("name") is None:
        known = [name for name in options("table") if name != "none"]
        raise UserError(f"table=: name one of {', '.join(known)}")
    passed = (*PASSED, "trainer", "trainer.accelerator")
    for key in config["typed"]:
        if key not in (*OWN, *passed):
            raise UserError(
                f"{key}: rows of a table run as they are written; only {', '.join(passed)} can be typed"
            )
    if config["trainer"]["devices"] != 1:
        raise UserError("trainer: a row runs on one device, or its batches would be others; see jobs=")
    table = table_of(config["table"])
    check_columns(table)
    only = config["only"] or list(table.rows)
    for name in map(str, only):
        if name not in table.rows:
            raise UserError(f"only: table={table.name} has no row {name}; {suggest(name, table.rows)}")
    runs = [run for run in runs_of(table) if run.row.name in map(str, only)]
    for run in runs:
        beginnings(run)
    seeds = config["seeds"]
    if seeds is not None and not {run.seed for run in runs} >= set(seeds):
        raise UserError(f"seeds: table={table.name} has {sorted({run.seed for run in runs})}")
    return table, [run for run in runs if seeds is None or run.seed in seeds]


def _not_elsewhere(missing: list[Run], kept: Path, write: bool) -> list[Run]:
    """Return the runs that no other table has of the same recipe; take over those that one has."""
    known = kept_anywhere(kept) if missing else {}
    for run in missing:
        if write and (result := known.get((run.hash, run.seed))) is not None:
            write_result(run, result, kept)
            console.print(f"{run.name}: another table has it")
    return [run for run in missing if (run.hash, run.seed) not in known]


def _execute(
    todo: list[Run], missing: list[Run], runs: Path, kept: Path, config: dict[str, Any]
) -> Counter[Ended]:
    """Run what is to be done, keep what was missing of it, and return how many of that ended how."""
    jobs = config["jobs"]
    shared = {"OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // jobs))} if jobs > 1 else {}
    # The code that has read the table is also the one that runs its rows.
    paths = [str(Path(speechsrt.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    own = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    passed = {task: _passed(task, config) for task in TASKS}
    runner = Runner(runs, passed, shared | dict(os.environ) | own)
    wanted = {run.folder(runs) for run in missing}
    ends: Counter[Ended] = Counter()
    with interruptible("the same command goes on"), closing(runner.every(todo, jobs)) as ended:
        for run, end in ended:
            if (place := run.folder(runs)) in wanted:
                ends[_kept(run, place, kept) if end is Ended.DONE else end] += 1
    return ends


def _passed(task: str, config: dict[str, Any]) -> list[str]:
    """Return the overrides that rows of a task get behind their own."""
    useful = [key for key in PASSED if key in config["typed"] and key not in REMEDIES[task]]
    passed = [f"{key}={config[key]}" for key in useful]
    if {"trainer", "trainer.accelerator"} & set(config["typed"]):
        passed.append(f"trainer.accelerator={config['trainer']['accelerator']}")
    return passed


def _kept(run: Run, place: Path, kept: Path) -> Ended:
    """Keep a run's result; say so, or what its folder lacks."""
    try:
        result = result_of(run, place)
    except (OSError, ValueError, KeyError) as error:
        console.print(f"{run.name}: {place} is no whole run ({error}); remove it, and it runs again")
        return Ended.FAILED
    write_result(run, result, kept)
    console.print(f"{run.name}: done")
    return Ended.DONE


def _check_folder(key: str, folder: Path) -> None:
    """Raise a UserError for a folder that cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{key}={folder}: cannot be written to ({error.strerror}); name another") from None


def _with_bases(missing: list[Run], runs: Path) -> list[Run]:
    """Return missing runs, before each those that it begins with and that are not there."""
    todo: dict[Path, Run] = {}
    for run in missing:
        for base in reversed(beginnings(run)):
            if not ((place := base.folder(runs)) / "metrics.json").is_file():
                todo.setdefault(place, base)
        todo.setdefault(run.folder(runs), run)
    return list(todo.values())
