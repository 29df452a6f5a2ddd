"""A table's runs as processes: one at a time in a folder, whoever started it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from speechsrt.commands.screen import console
from speechsrt.commands.table_rows import Run
from speechsrt.models.model import task_of


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
        mistakes: the lines that runs ended with which were refused; after one comes twice none begins.
    """

    runs: Path
    passed: Mapping[str, list[str]]
    environment: Mapping[str, str]
    failed: set[Path] = field(default_factory=set)
    mistakes: Counter[str] = field(default_factory=Counter)

    def every(self, todo: Sequence[Run], jobs: int) -> Iterator[tuple[Run, Ended]]:
        """Make runs, ``jobs`` at once, each after the one that it begins with; yield them as they end."""
        # Hydra composes one configuration at a time, so what the workers will ask for is found out before.
        order = {run.folder(self.runs): run for run in todo if run.model}
        first, after = list[Path](), defaultdict[Path, list[Path]](list)
        for place, run in order.items():
            base = None if run.before is None else run.before.folder(self.runs)
            (first if base is None or base not in order else after[base]).append(place)
        pool, begun = ThreadPoolExecutor(jobs), dict[Future[Ended], Path]()
        try:
            while first or begun:
                begun |= {pool.submit(self.make, order[place], wait=False): place for place in first}
                first = []
                for done in wait(begun, return_when=FIRST_COMPLETED).done:
                    place = begun.pop(done)
                    first += after.pop(place, [])
                    yield order[place], done.result()
        finally:
            pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more begins

    def make(self, run: Run, wait: bool = True) -> Ended:
        """Make a run, and before it the one that it begins with.

        Args:
            run: one that is done is left as it is, one that was killed goes on.
            wait: where another process is at it, until that has ended; else it is left to that one.
        """
        before = run.before
        if before is not None and self.make(before) is not Ended.DONE:
            console.print(f"{run.name}: {before.name}, which it begins with, is not there")
            return Ended.FAILED
        place = run.folder(self.runs)
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place.with_name(f"{place.name}.lock"), wait) as lock:
            if lock is None:
                console.print(f"{run.name}: left to another process, which is at it")
                return Ended.LEFT
            if (place / "metrics.json").is_file():
                return Ended.DONE
            hopeless = max(self.mistakes.values(), default=0) > 1
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
        # -P: a module that lies where the table was asked for is not taken for one of ours.
        command = [sys.executable, "-P", "-m", "speechsrt.cli", *words, *self.passed[task_of(run.model)]]
        told = log.stat().st_size if log.is_file() else 0
        with log.open("a", encoding="utf-8") as file:
            # The lock is held until the process ends, even where this one is killed before it.
            done = subprocess.run(
                command, stdout=file, stderr=file, check=False, env=self.environment, pass_fds=[lock]
            )
        if done.returncode:
            text = log.read_bytes()[told:].decode(errors="replace")
            line = next((line for line in reversed(text.splitlines()) if line.strip()), "silent")
            console.print(f"{run.name}: exit code {done.returncode}, {line} (see {log})")
            if done.returncode == 2:
                self.mistakes[line] += 1
                if self.mistakes[line] == 2:
                    console.print("that is the second run to end so; the others are not begun")
        return done.returncode == 0


@contextmanager
def _alone(path: Path, wait: bool) -> Iterator[int | None]:
    """Hold a lock on a file while the block runs; yields its descriptor, None where another has it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        yield lock if _locked(lock, wait) else None
    finally:
        os.close(lock)


def _locked(lock: int, wait: bool) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
