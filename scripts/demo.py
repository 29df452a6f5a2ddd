"""Train MatchboxNet-3x1x64 twice on synthesised words, with ternary and with learned 1x1s, and compare them.

usage: python scripts/demo.py FOLDER [key=value ...]      what `make train` runs

The corpus is spoken by espeak-ng in many voices; test voices never occur in training. Its accuracy shows that
everything works; it says nothing about real speech.
"""

import sys
import time
from typing import Any

from rich.console import Console

from speechsrt import config
from speechsrt.commands import train
from speechsrt.errors import UserError
from speechsrt.reports.tables import percent, short, table

NETS = {
    "ternary": ["pointwise=ternary", "pointwise.where=[block,prologue,epilogue]"],
    "learned": ["pointwise=learned"],
}
COLUMNS = ["1x1s", "accuracy [95 %]", "trained", "stored bits", "mult./s", "add./s"]


def row(name: str, metrics: dict[str, Any]) -> tuple[str, ...]:
    """Return a net's line of the table."""
    low, high = metrics["accuracy_interval"]
    return (
        name,
        percent(metrics["accuracy"], (low, high)),
        f"{metrics['trained_weights']:,}",
        f"{metrics['stored_bits']:,}",
        short(metrics["multiplications_per_second"]),
        short(metrics["additions_per_second"]),
    )


def main(folder: str, overrides: list[str]) -> None:
    """Train, score and compare."""
    console, began = Console(highlight=False), time.monotonic()
    rows = []
    for name, choice in NETS.items():
        console.print(f"\n[bold]MatchboxNet-3x1x64, {name} 1x1s[/bold]")
        rows.append(row(name, train.run(config.load([*choice, *overrides, f"run_dir={folder}/{name}"]))))
    console.print(table("Synthesised words, voices never heard in training", COLUMNS, rows))
    console.print("trained: weights; mult./s, add./s: multiplications and additions per second of audio")
    console.print(f"{(time.monotonic() - began) / 60:.1f} minutes; reports: {folder}/*/report.html")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except UserError as error:
        print(f"speechsrt: {error}", file=sys.stderr)
        sys.exit(2)
