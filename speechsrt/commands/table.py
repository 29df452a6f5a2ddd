"""``speechsrt table``: run the rows of a table that are missing, and write all that are there.

Each run is a command line of its own, in a folder of its own below ``run_dir``; what was killed goes on where
it was. A small file a run and the table as JSON, Markdown, CSV and a page are kept below ``output``.
"""

import os
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from speechsrt.build import suggest
from speechsrt.commands.screen import console, say
from speechsrt.commands.screen import output as screen
from speechsrt.commands.table_costs import estimates
from speechsrt.commands.table_pages import write_table
from speechsrt.commands.table_results import found, keep, outdated, results_of
from speechsrt.commands.table_rows import MACHINE, Run, Table, runs_of, table_of
from speechsrt.commands.table_runner import Runner
from speechsrt.config.files import options
from speechsrt.errors import UserError
from speechsrt.reports.tables import table as drawn

OWN = ("table", "dry", "jobs", "only", "run_dir", "output")
PASSED = ("data_root", "workers", "hold_hours", "compile", "save_minutes")
"""Keys that go on to every row: where and how it runs, not what it is."""


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong with a table, or with what is typed beside it."""
    _chosen(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Run what is missing, or list it; return what ``NAME.json`` holds, of a dry run nothing."""
    table, wanted = _chosen(config)
    runs, kept = Path(config["run_dir"] or "runs/tables").absolute(), Path(config["output"] or "results")
    missing = [run for run in wanted if found(run, kept) is None]
    say([f"{run.name}: its recipe has changed since it ran" for run in missing if outdated(run, kept)])
    if config["dry"]:
        screen.print(estimates(table, missing, kept, config["jobs"]))
        return {}
    failed = _execute(missing, runs, kept, config)
    told, grids = write_table(table, results_of(table, kept), kept)
    for title, columns, rows in grids:
        screen.print(drawn(title, columns, rows))
    screen.print(f"table: {kept / table.name}.html")
    if failed:
        raise UserError(
            f"table={table.name}: {failed} of {len(missing)} runs failed, see above; the others are kept"
        )
    return told


def _chosen(config: dict[str, Any]) -> tuple[Table, list[Run]]:
    """Return the table, and the runs that ``only=`` leaves of it."""
    if config["table"].get("name") is None:
        known = [name for name in options("table") if name != "none"]
        raise UserError(f"table=: name one of {', '.join(known)}")
    passed = [*PASSED, "trainer", *(f"trainer.{key}" for key in MACHINE)]
    for key in config["typed"]:
        if key not in (*OWN, *passed) and not key.startswith("table."):
            raise UserError(
                f"{key}: rows of a table run as they are written; only {', '.join(passed)} can be typed"
            )
    table = table_of(config["table"])
    only = config["only"] or list(table.rows)
    for name in only:
        if name not in table.rows:
            raise UserError(f"only: table={table.name} has no row {name}; {suggest(name, table.rows)}")
    return table, [run for run in runs_of(table) if run.row.name in only]


def _execute(missing: list[Run], runs: Path, kept: Path, config: dict[str, Any]) -> int:
    """Run what is missing, ``jobs`` at once, first what others begin with; return how many have failed."""
    jobs = config["jobs"]
    passed = [f"{key}={config[key]}" for key in PASSED if key in config["typed"]]
    if any(key.partition(".")[0] == "trainer" for key in config["typed"]):
        passed += [f"trainer.{key}={config['trainer'][key]}" for key in MACHINE if key in config["trainer"]]
    shared = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // jobs))} if jobs > 1 else {}
    started = Runner(runs, passed, shared | dict(os.environ))

    order = sorted(missing, key=lambda run: len(_before(run)))
    # Hydra composes one configuration at a time, so the folders' hashes are found out before workers ask.
    places = {run.name: run.folder(runs) for run in order}
    pool, failed = ThreadPoolExecutor(jobs), 0
    try:
        begun = {pool.submit(started.made, run, wait=False): run for run in order}
        for done in as_completed(begun):
            run = begun[done]
            if done.result():
                keep(run, places[run.name], kept)
                console.print(f"{run.name}: done")
            failed += not done.result()
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more begins
    return failed


def _before(run: Run) -> list[Run]:
    """Return the runs that one begins with, and those that these begin with."""
    return [] if run.before is None else [run.before, *_before(run.before)]
