"""The same rows for a terminal and for Markdown, and numbers written the way a reader takes them in."""

import re
from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

ABSENT = "\N{EN DASH}"
Cell = str | int | float | None
Row = Sequence[Cell]
NUMBER = re.compile(r"[-+]?\d[\d,.]*(e[-+]?\d+)?(?!\w)")
"""How a number begins, and 3x1x64 does not."""


def table(title: str, columns: Sequence[str], rows: Iterable[Row]) -> Table:
    """Rows for `rich.console.Console.print`; columns of numbers stand right, no text is markup."""
    texts = [[cell(value) for value in row] for row in rows]
    made = Table(title=Text(title) if title else None, title_justify="left")
    for name, numeric in zip(columns, numeric_columns(len(columns), texts), strict=True):
        made.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in texts:
        made.add_row(*(Text(text) for text in row))
    return made


def markdown(columns: Sequence[str], rows: Iterable[Row]) -> str:
    """The same rows as a Markdown table, every character of a cell shown as it is."""
    texts = [[cell(value) for value in row] for row in rows]
    rule = ["---:" if numeric else "---" for numeric in numeric_columns(len(columns), texts)]
    lines = [[_escape(name) for name in columns], rule, *([_escape(text) for text in row] for row in texts)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def numeric_columns(count: int, texts: Sequence[Sequence[str]]) -> list[bool]:
    """Which of `count` columns hold numbers alone, absent ones aside: those a reader compares by digits.

    Raises:
        ValueError: a row has more or fewer cells.
    """
    if any(len(row) != count for row in texts):
        raise ValueError(f"a row does not have the {count} cells of its columns")
    columns = [[row[k] for row in texts if row[k] != ABSENT] for k in range(count)]
    return [bool(column) and all(NUMBER.match(text) for text in column) for column in columns]


def cell(value: Cell) -> str:
    """Text as it is, an integer with thousands separators, a fraction to four digits, None as a dash."""
    if value is None:
        return ABSENT
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def percent(rate: float | None, interval: Sequence[float] | None = None) -> str:
    """A fraction as `97.4 %`, with its interval as `97.4 % [96.7, 98.0]`."""
    if rate is None:
        return ABSENT
    ends = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * rate:.1f} %{ends}"


def short(count: float, unit: str = "") -> str:
    """A count in three digits: `950`, `41.9 K`, `18.9 M`, and with a unit `150 KB`."""
    prefix = ""
    for prefix in ("", "K", "M", "G", "T"):
        # 999.5 would be written as 1000: it belongs to the next prefix.
        if abs(count) < 999.5 or prefix == "T":
            break
        count /= 1000
    digits = f"{count:#.3g}".rstrip(".") if prefix else f"{count:.0f}"
    return f"{digits} {prefix}{unit}".rstrip()


def _escape(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#&~])", r"\\\1", " ".join(text.splitlines()))
