"""What a person sees: results on stdout; progress, notes and everything else on stderr."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

WIDTH = 160
"""Columns where no terminal says how many there are."""
SHOWN_REJECTIONS = 20


class Screen(Console):
    """A console that falls silent when nobody reads it any more: a training piped to `head` goes on."""

    def on_broken_pipe(self) -> None:
        """Say nothing more."""
        with suppress(SystemExit):
            super().on_broken_pipe()


console = Screen(stderr=True, highlight=False, markup=False, soft_wrap=True)
output = Screen(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)


def silence() -> None:
    """Say nothing more: another process of this run does the talking."""
    console.quiet = output.quiet = True


def say(notes: Iterable[str]) -> None:
    """Print notes, a line each."""
    for note in notes:
        console.print(note)


def say_rejected(rejected: list[tuple[str, str]]) -> None:
    """List files that were left out, with their reasons."""
    if rejected:
        console.print(f"{len(rejected)} files left out:")
    say(f"  {path}: {reason}" for path, reason in rejected[:SHOWN_REJECTIONS])
    if len(rejected) > SHOWN_REJECTIONS:
        console.print(
            f"  ... and {len(rejected) - SHOWN_REJECTIONS} more (prepare lists all of them in a file)"
        )


@contextmanager
def progress() -> Iterator[Any]:
    """Show a bar a description while the block runs; yields the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(description: str, done: int, total: int) -> None:
            if description not in tasks:
                tasks[description] = bar.add_task(description, total=total)
            bar.update(tasks[description], completed=done, total=total)

        yield report


def is_interactive() -> bool:
    """Say whether a person is watching."""
    return sys.stdout.isatty()
