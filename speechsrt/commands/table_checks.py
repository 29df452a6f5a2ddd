"""What is wrong with a table's file, told before anything of it runs."""

import math
from collections.abc import Mapping
from typing import Any, Literal

from speechsrt.build import check_arguments, describe, fits, suggest
from speechsrt.errors import UserError

ROW: dict[str, Any] = {
    "label": str,
    "verb": Literal["train", "compress", "evaluate"],
    "overrides": list[str | list[str]] | None,
    "from": str,
    "seeds": list[int],
    "published": dict | None,
}
"""The keys of a row that are not for columns and plots alone, and their kinds."""
SHARES = ("validation", "accuracy", "macro_accuracy", "false_rejects", "half")
RATES = ("wer", "cer", "validation_cer")
"""Shares as well, of which one can exceed one by a little."""
FIGURES = (
    *SHARES,
    *RATES,
    *("trained_weights", "total_weights", "stored_bits"),
    *("multiplications_per_second", "additions_per_second", "operations"),
)
"""What can have been published of a row; ``half`` is half of the interval of its score."""
WRITTEN = ("seed", "run_dir", "checkpoint", "init_from", "resume")
"""Keys that the table writes itself."""


def check_file(name: str, node: Mapping[str, Any]) -> None:
    """Raise a UserError for a key that no table has, a value of another kind, a row that makes none."""
    check_arguments(_keys, node, f"table={name}")
    _check_typed(f"table={name}: common", node.get("common", []))
    for key, values in node.get("grid", {}).items():
        if not isinstance(values, list) or not values:
            raise UserError(f"table={name}: grid: {key}: {values}: write a list of values")
        _check_typed(f"table={name}: grid", [f"{key}={value}" for value in values])
    for row, about in node.get("rows", {}).items():
        _check_row(f"table={name}: {row}", about)
    for pair in node.get("compare", []):
        if len(pair) != 2:
            raise UserError(f"table={name}: compare: {pair}: write pairs, [ROW, ROW]")
    for plot in node.get("plots", []):
        if not isinstance(plot.get("x"), str) or not isinstance(plot.get("y", ""), str):
            raise UserError(f"table={name}: plots: {plot}: write x: with a column, and y: with a score")


def check_links(name: str, rows: Mapping[str, Any], compare: list[list[str]]) -> None:
    """Raise a UserError where a row begins with none, in a circle, or is compared with none."""
    for row in rows.values():
        seen = [row.name]
        while row.start is not None and "/" not in row.start:
            if row.start not in rows:
                raise UserError(
                    f"table={name}: {row.name} begins with {row.start}; {suggest(row.start, rows)}"
                )
            if row.start in seen:
                raise UserError(f"table={name}: {' begins with '.join([*seen, row.start])}: a circle")
            row = rows[row.start]
            seen.append(row.name)
    for row in (row for pair in compare for row in pair):
        if row not in rows:
            raise UserError(f"table={name}: compare names {row}; {suggest(row, rows)}")


def _check_row(where: str, about: Any) -> None:
    if not isinstance(about, dict):
        raise UserError(f"{where}: write {{overrides: [KEY=VALUE, ...]}} for what is typed")
    for key, kind in ROW.items():
        if key in about and not fits(about[key], kind):
            raise UserError(f"{where}: {key}: {about[key]}: expected {describe(kind)}")
    if about.get("overrides") is None and not about.get("published"):
        known = ", ".join(ROW)
        raise UserError(
            f"{where} has neither overrides: nor published:; keys of a row are {known} and your own"
        )
    _check_published(f"{where}: published", about.get("published") or {})
    if about.get("verb", "train") != "train" and "from" not in about:
        raise UserError(f"{where} is to {about['verb']}; write from: with the row that it begins with")
    _check_typed(where, about.get("overrides") or [])


def _check_typed(where: str, overrides: list[Any]) -> None:
    """Raise a UserError for an override that would change what the table writes itself."""
    for entry in overrides:
        for override in entry if isinstance(entry, list) else [entry]:
            if (key := override.partition("=")[0].lstrip("+~")) in WRITTEN:
                raise UserError(f"{where}: {key}= is for the table to write; seeds: and from: are for you")


def _check_published(where: str, figures: Mapping[str, Any]) -> None:
    """Raise a UserError for figures without a source, and for those that no column can hold."""
    if figures and "source" not in figures:
        raise UserError(f"{where}: write source: with where the figures stand")
    for key, value in figures.items():
        if key == "source":
            continue
        if key not in FIGURES:
            raise UserError(f"{where}: {key}: no such figure; {suggest(str(key), FIGURES)}")
        if not fits(value, float) or not 0 <= value < math.inf:
            raise UserError(f"{where}: {key}: {value}: expected a number of at least 0")
        if (key in SHARES and value > 1) or (key in RATES and value > 2):
            raise UserError(f"{where}: {key}: {value}: write a share of one, {value / 100:g}, for percent")


def _keys(
    name: str,
    about: str = "",
    needs: str = "",
    hours: float | None = None,
    common: list[str | list[str]] | None = None,
    seeds: list[int] | None = None,
    rows: dict[str, Any] | None = None,
    grid: dict[str, Any] | None = None,
    columns: list[str] | None = None,
    plots: list[dict[str, Any]] | None = None,
    compare: list[list[str]] | None = None,
    shorthand: dict[str, Any] | None = None,
) -> None:
    """The keys of a table and their kinds; ``shorthand`` holds what its overrides refer to."""
