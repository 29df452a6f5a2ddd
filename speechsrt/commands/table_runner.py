"""A table's runs as processes: one at a time in a folder, whoever started it."""

import fcntl
import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from pathlib import Path

from speechsrt.commands.processes import Processes
from speechsrt.commands.screen import console
from speechsrt.commands.table_rows import Run
from speechsrt.models.model import task_of

GRACE = 2.0
"""Seconds that runs have to end by the Ctrl-C of a terminal, which reaches them too, before they are told."""


class Ended(Enum):
    """How an attempt at a run has ended."""

    DONE = "its folder is whole"
    FAILED = "it, or what it begins with, has failed"
    LEFT = "another process is at it"


@dataclass(frozen=True)
class Runner:
    """Where runs are made and how.

    Attributes:
        runs: the folder above the run folders.
        passed: by task, overrides that its runs get behind their own.
        environment: of the processes.
        failed: folders of runs that have failed, which are not tried again.
        mistakes: the lines that refused runs ended with, and their rows; where two rows have one none begins.
        processes: those that are under way.
    """

    runs: Path
    passed: Mapping[str, list[str]]
    environment: Mapping[str, str]
    failed: set[Path] = field(default_factory=set)
    mistakes: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    processes: Processes = field(default_factory=Processes)

    def every(self, todo: Sequence[Run], jobs: int) -> Generator[tuple[Run, Ended], None, None]:
        """Make runs, ``jobs`` at once and in their order, but each after the one that it begins with.

        Where the caller goes no further, or is interrupted, those that are under way are told to end.

        Yields:
            Each as it ends, and how.
        """
        places = [run.folder(self.runs) for run in todo]
        for run in todo:  # Hydra composes one configuration at a time: the workers find these composed
            task_of(run.model)
        bases = [None if run.before is None else run.before.folder(self.runs) for run in todo]
        after = defaultdict[Path | None, list[int]](list)
        for number, base in enumerate(bases):
            after[base if base in places else None].append(number)
        ready, pool, begun = after.pop(None, []), ThreadPoolExecutor(jobs), dict[Future[Ended], int]()
        try:
            while ready or begun:
                while ready and len(begun) < jobs:
                    number = heappop(ready)
                    begun[pool.submit(self.make, todo[number])] = number
                for done in wait(begun, return_when=FIRST_COMPLETED).done:
                    number = begun.pop(done)
                    for follower in after.pop(places[number], []):
                        heappush(ready, follower)
                    yield todo[number], done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            try:
                wait(begun, timeout=GRACE)
            finally:  # also where a second signal comes
                self.processes.terminate()
                pool.shutdown()

    def make(self, run: Run) -> Ended:
        """Make a run, and before it the one that it begins with, if it is not there.

        One that is done is left as it is, one that was killed goes on, one that another process is at is left
        to that one.
        """
        before = run.before
        if before is not None and (end := self.make(before)) is not Ended.DONE:
            console.print(f"{run.name}: {before.name}, which it begins with, is not there")
            return end
        place = run.folder(self.runs)
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place.with_name(f"{place.name}.lock")) as lock:
            if lock is None:
                console.print(f"{run.name}: left to another process, which is at it")
                return Ended.LEFT
            if (place / "metrics.json").is_file():
                return Ended.DONE
            hopeless = any(len(rows) > 1 for rows in self.mistakes.values())
            if hopeless or place in self.failed or not self._run(run, place, lock):
                self.failed.add(place)
                return Ended.FAILED
            return Ended.DONE

    def _run(self, run: Run, place: Path, lock: int) -> bool:
        """Run, or go on with, what is not done; what it says goes into a file beside the folder."""
        log = place.with_name(f"{place.name}.log")
        if (place / "checkpoints" / "last.ckpt").is_file():
            words = ["train", f"resume={place}"]
        else:
            shutil.rmtree(place, ignore_errors=True)  # begun, and killed before anything was saved
            words = [*run.command(self.runs), f"run_dir={place}"]
        # -P: a module that lies where the table was asked for is not taken for another.
        command = [sys.executable, "-P", "-m", "speechsrt.cli", *words, *self.passed[task_of(run.model)]]
        told = log.stat().st_size if log.is_file() else 0
        with log.open("ab") as file:
            code = self.processes.run(command, file, self.environment, lock)
        if code:
            text = log.read_bytes()[told:].decode(errors="replace")
            line = next((line for line in reversed(text.splitlines()) if line.strip()), "silent")
            console.print(f"{run.name}: exit code {code}, {line} (see {log})")
            if code == 2:
                rows = self.mistakes[line]
                rows.add((run.table.name, run.row.name))
                if len(rows) == 2:
                    console.print("that is the second row to end so; the others are not begun")
        return code == 0


@contextmanager
def _alone(path: Path) -> Iterator[int | None]:
    """Hold a lock on a file while the block runs; yields its descriptor, None where another has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield lock if _locked(lock) else None
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
