"""A table as JSON, Markdown, CSV and a page with its plots."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechsrt.commands.table_results import Result
from speechsrt.commands.table_rows import Table, runs_of
from speechsrt.commands.table_summary import (
    ERRORS,
    HEADS,
    SCORES,
    Summary,
    comparisons,
    main_score,
    summaries,
)
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Grid, Paragraph, Part, Picture, Preformatted, Section, write_report
from speechsrt.reports.pareto import Panel, Point, panels_picture
from speechsrt.reports.tables import Row, markdown
from speechsrt.scoring.comparisons import Comparison

Titled = tuple[str, list[str], Sequence[Row]]
"""A title, columns and rows."""
COMPARED = (
    "error of",
    "seeds",
    "difference, points",
    "95 % over seeds",
    "over seeds and utterances",
)
DESIGN = ("real", "visible", "seeds needed")
PLOTS = [{"x": "trained_weights"}, {"x": "stored_bits"}, {"x": "operations"}]
INTERVALS = (
    "An interval with ± is Student's t over the seeds, one in brackets that over the utterances of one seed."
)
DIFFERENCES = (
    "A difference is told in points of the error rate, below zero where the first row is better; it is real "
    "where neither interval holds zero, which one seed cannot tell. Visible is the smallest true difference "
    "that so many seeds find with a probability of about 0.8; needed are the seeds, on the same utterances, "
    "that would find the one seen."
)


def write_table(
    table: Table, results: Mapping[str, list[Result]], output: Path
) -> tuple[dict[str, Any], list[Titled]]:
    """Write ``NAME.json``, ``.md``, ``.csv`` and ``.html``; return the first, and what to print."""
    rows, compared = summaries(table, dict(results)), comparisons(table, dict(results))
    told = {"table": table.name, "about": table.about, "rows": [_plain(row, table) for row in rows]}
    told["comparisons"] = [_compared_plain(table, *pair) for pair in compared]
    grids = [(table.name, *_grid(table, rows))]
    grids += [("errors compared", *_compared(table, compared))] if compared else []
    text = "\n".join(markdown(columns, lines) for _, columns, lines in grids)
    output.mkdir(parents=True, exist_ok=True)
    write_atomically(
        output / f"{table.name}.json", (json.dumps(told, indent=1, ensure_ascii=False) + "\n").encode()
    )
    write_atomically(output / f"{table.name}.csv", _csv(told["rows"]).encode())
    write_atomically(output / f"{table.name}.md", text.encode())
    _write_page(output / f"{table.name}.html", table, rows, compared)
    return told, grids


def _grid(table: Table, rows: list[Summary]) -> tuple[list[str], Sequence[Row]]:
    columns = ["", "seeds", *(HEADS.get(key, key.replace("_", " ")) for key in table.columns)]
    cells = [
        (row.row.label, len(row.results) or None, *(row.text(key) for key in table.columns)) for row in rows
    ]
    return columns, cells


def _compared(table: Table, pairs: list[tuple[str, str, Comparison]]) -> tuple[list[str], Sequence[Row]]:
    lines = []
    for first, second, found in pairs:
        names = f"{table.rows[first].label} against {table.rows[second].label}"
        many = found.seeds > 1
        lines.append(
            (
                names,
                found.seeds,
                f"{100 * found.difference:+.2f}",
                f"± {100 * found.half:.2f}" if many else None,
                f"{100 * found.low:+.2f} to {100 * found.high:+.2f}",
                ("yes" if found.real else "no") if many else None,
                f"{100 * found.visible:.2f}" if many else None,
                found.needed,
            )
        )
    return [*COMPARED, *DESIGN], lines


def _plain(row: Summary, table: Table) -> dict[str, Any]:
    """Return a row as numbers."""
    told: dict[str, Any] = {
        "row": row.row.name,
        "label": row.row.label,
        "seeds": [r["seed"] for r in row.results],
    }
    for key in table.columns:
        if key == "published":
            told[key] = row.text(key)
            continue
        told[key] = row.number(key)
        if key in SCORES:
            told[f"{key}_interval"] = row.ends(key)
    return told


def _compared_plain(table: Table, first: str, second: str, found: Comparison) -> dict[str, Any]:
    finite = {key: value for key, value in vars(found).items() if value not in (float("inf"), None)}
    real = {"real": found.real} if found.seeds > 1 else {}
    return {"row": first, "against": second} | real | finite


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    keys = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, keys, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: " ".join(map(str, v)) if isinstance(v, list | tuple) else v for k, v in row.items()}
        )
    return text.getvalue()


def _write_page(
    path: Path, table: Table, rows: list[Summary], compared: list[tuple[str, str, Comparison]]
) -> None:
    parts: list[Part] = [Paragraph(table.about), Grid(*_grid(table, rows)), Paragraph(INTERVALS)]
    sections = [Section("Rows", parts)]
    if panels := panels_of(table, rows):
        told = "; ".join(f"{panel.y} against {panel.x}" for panel in panels)
        sections.append(Section("Plots", [Picture(panels_picture(panels), told)]))
    if compared:
        sections.append(Section("Comparisons", [Grid(*_compared(table, compared)), Paragraph(DIFFERENCES)]))
    commands = "\n".join(result["command"] for row in rows for result in row.results)
    sections.append(Section("Runs", [Grid(*_runs(table, rows)), Preformatted(commands, "Their commands")]))
    write_report(path, f"Table {table.name}", _at_a_glance(table, rows), sections)


def _at_a_glance(table: Table, rows: list[Summary]) -> list[tuple[str, str]]:
    """Return how much of the table is there, and what it took."""
    results = [result for row in rows for result in row.results]
    minutes = sum(result.get("minutes", 0.0) for result in results)  # none where rows evaluate
    return [
        ("runs that are there", f"{len(results)} of {len(runs_of(table))}"),
        ("rows", str(len(rows))),
        *([("hours of training", f"{minutes / 60:,.1f}")] if minutes else []),
        ("machines", ", ".join(sorted({result["machine"] for result in results})) or "none yet"),
    ]


def panels_of(table: Table, rows: list[Summary]) -> list[Panel]:
    """Return the plots of a table: those that it names, else of the score against each cost."""
    return [panel for plot in table.plots or PLOTS if (panel := _panel(table, plot, rows)).points]


def _panel(table: Table, plot: Mapping[str, Any], rows: list[Summary]) -> Panel:
    """Return a plot of the rows that have both of its numbers."""
    x, y = plot["x"], plot.get("y") or main_score(table)
    points = []
    for row in rows:
        across, up = row.number(x), row.number(y)
        if across is None or up is None or not row.row.about.get("plotted", True):
            continue
        low, high = row.ends(y) or (up, up)
        group = str(row.row.about.get(plot.get("by", "group"), row.row.label))
        scaled = [100 * value if y in SCORES else value for value in (up, low, high)]
        points.append(Point(row.row.label, group, across, *scaled, published=not row.results))
    heads = [HEADS.get(key, key.replace("_", " ")) for key in (x, y)]
    joined = bool(plot.get("joined", False))
    errors = y in ERRORS or (y == "validation" and any(row.number("wer") is not None for row in rows))
    return Panel(heads[0], heads[1], points, not errors, front=not joined, joined=joined)


def _runs(table: Table, rows: list[Summary]) -> tuple[list[str], Sequence[Row]]:
    """Return every run: what came of it, and where."""
    score = main_score(table)
    columns = ["row", "seed", HEADS[score], "minutes", "machine", "commit", "recipe"]
    cells = [
        (
            row.row.name,
            result["seed"],
            f"{100 * result[score]:.2f}" if score in result else None,
            f"{result['minutes']:.1f}" if "minutes" in result else None,
            result["machine"],
            result["commit"],
            result["hash"],
        )
        for row in rows
        for result in row.results
    ]
    return columns, cells
