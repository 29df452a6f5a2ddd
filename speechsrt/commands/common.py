"""What the verbs share: where data and runs lie, what is read from them, and how the user is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import speechsrt
from speechsrt.build import build
from speechsrt.corpora.manifest import Clip, Contents
from speechsrt.errors import UserError

console = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False, soft_wrap=True)
SHOWN_REJECTIONS = 20


def data_root(config: dict[str, Any]) -> Path:
    """Return the folder of the corpora: ``data_root=``, ``$SPEECHSRT_DATA``, or the user's cache."""
    chosen = config["data_root"] or os.environ.get("SPEECHSRT_DATA")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "speechsrt"


def corpus_of(config: dict[str, Any]) -> Any:
    """Build the corpus that ``data=`` names."""
    return build(config["data"], "data")


def load_corpus(config: dict[str, Any], corpus: Any, download: bool = False) -> Contents:
    """Find (or, where allowed, download or synthesise) a corpus; tell the user what was left out."""
    with progress() as report:
        contents: Contents = corpus.load(data_root(config), download=download, progress=report)
    for note in contents.notes:
        console.print(note)
    say_rejected(contents.rejected)
    return contents


def say_rejected(rejected: list[tuple[str, str]]) -> None:
    """List files that were left out, with their reasons."""
    if rejected:
        console.print(f"{len(rejected)} files left out:")
    for path, reason in rejected[:SHOWN_REJECTIONS]:
        console.print(f"  {path}: {reason}", markup=False)
    if len(rejected) > SHOWN_REJECTIONS:
        console.print(f"  ... and {len(rejected) - SHOWN_REJECTIONS} more (prepare lists all of them in a file)")


@contextmanager
def progress() -> Iterator[Any]:
    """Show a bar a description while the block runs; yields the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(description: str, done: int, total: int) -> None:
            if description not in tasks:
                tasks[description] = bar.add_task(description, total=total)
            bar.update(tasks[description], completed=done, total=total)

        yield report


def new_run_dir(config: dict[str, Any]) -> Path:
    """Make and return the folder of a new run.

    Raises:
        UserError: it already holds a run, or a folder cannot be made there.
    """
    chosen = config["run_dir"] or Path("runs") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    folder = Path(chosen).expanduser()
    if (folder / "config.yaml").exists():
        raise UserError(f"run_dir={folder}: already holds a run; add resume=true to go on with it, or choose another")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"run_dir={folder}: {error.strerror}; choose a folder that can be made") from None
    return folder


def split_of(contents: Contents, split: str) -> list[Clip]:
    """Return the clips of a named split.

    Raises:
        UserError: there is no such split, or it is empty.
    """
    if split not in contents.splits:
        raise UserError(f"split={split}: this corpus has {', '.join(contents.splits)}")
    if not contents.splits[split]:
        raise UserError(f"split={split}: holds no clips")
    return contents.splits[split]


def clips_root(contents: Contents) -> str:
    """Return the folder below which all clips of a corpus lie."""
    folders = {os.path.dirname(clip.path) for clips in contents.splits.values() for clip in clips}
    return os.path.dirname(os.path.commonpath(folders)) if len(folders) == 1 else os.path.commonpath(folders)


def commit() -> str:
    """Return the commit of the checkout this package runs from, else the release's version."""
    folder = Path(speechsrt.__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return speechsrt.__version__
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or speechsrt.__version__


def is_interactive() -> bool:
    """Say whether a person is watching."""
    return sys.stdout.isatty()
