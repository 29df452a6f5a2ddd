"""A table's runs as processes: one at a time in a folder, whoever started it."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from speechsrt.commands.screen import console
from speechsrt.commands.table_rows import Run
from speechsrt.models.model import task_of


@dataclass(frozen=True)
class Runner:
    """Where runs are made and how.

    Attributes:
        runs: the folder above the run folders.
        passed: by task, overrides that its runs get behind their own.
        environment: of the processes.
        failed: folders of runs that have failed, which are not tried again.
    """

    runs: Path
    passed: Mapping[str, list[str]]
    environment: Mapping[str, str]
    failed: set[Path] = field(default_factory=set)

    def made(self, run: Run, wait: bool = True) -> bool:
        """Make a run, and before it the one that it begins with; say whether it is there.

        Args:
            run: one that is done is left as it is, one that was killed goes on.
            wait: where another process is at it, until that has ended; else it is left to that one.
        """
        before = run.before
        if before is not None and not self.made(before):
            console.print(f"{run.name}: {before.name}, which it begins with, is not there")
            return False
        place = run.folder(self.runs)
        place.parent.mkdir(parents=True, exist_ok=True)
        with _alone(place.with_name(f"{place.name}.lock"), wait) as lock:
            if lock is None:
                console.print(f"{run.name}: left to another process, which is at it")
                return False
            if (place / "metrics.json").is_file():
                return True
            if place in self.failed or not self._run(run, place, lock):
                self.failed.add(place)
                return False
            return True

    def _run(self, run: Run, place: Path, lock: int) -> bool:
        """Run, or go on with, what is not done; what it says goes into a file beside the folder."""
        log = place.with_name(f"{place.name}.log")
        if (place / "checkpoints" / "last.ckpt").is_file():
            words = ["train", f"resume={place}"]
        else:
            shutil.rmtree(place, ignore_errors=True)  # begun, and killed before anything was saved
            words = [*run.command(self.runs), f"run_dir={place}"]
        command = [sys.executable, "-m", "speechsrt.cli", *words, *self.passed[task_of(run.model)]]
        with log.open("a", encoding="utf-8") as file:
            # The lock is held until the process ends, even where this one is killed before it.
            done = subprocess.run(
                command, stdout=file, stderr=file, check=False, env=self.environment, pass_fds=[lock]
            )
        if done.returncode:
            lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
            console.print(
                f"{run.name}: exit code {done.returncode}, {lines[-1] if lines else 'silent'} (see {log})"
            )
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
