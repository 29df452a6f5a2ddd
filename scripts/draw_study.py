"""Tables and pictures of the studies out of ``results/``: docs/kinds/README.md, "Measured".

usage: python scripts/draw_study.py kinds|sparsity|wide|switch|speed

Prints the Markdown table and writes ``docs/pictures/studies/NAME.png``.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from speechsrt.commands.table_results import results_of
from speechsrt.commands.table_rows import named
from speechsrt.reports.files import write_atomically
from speechsrt.reports.plots import BLUE, GREY, ORANGE, dress, plain_text, png
from speechsrt.reports.tables import markdown
from speechsrt.scoring.intervals import mean_interval

ROOT = Path(__file__).parents[1]
Result = dict[str, Any]
COLOURS = {"learned": "#111827", "low_rank": "#6b7280", "toeplitz": "#b45309", "circulant": "#f59e0b"}
COLOURS |= {"fastfood": "#a16207", "monarch": "#7c3aed", "grouped": "#0f766e", "ternary": BLUE}
COLOURS |= {"ternary_learned": "#60a5fa", "random_fixed": "#be185d", "pruned": "#16a34a"}
METHODS = {"one_shot": GREY, "gradual": BLUE, "l1": "#0f766e", "csp": ORANGE}


def results(study: str) -> list[Result]:
    """Return the results of a table, with what it says of their rows."""
    table = named(f"{study}_ten_words")
    return [
        {"label": table.rows[row].label, **table.rows[row].about, **result}
        for row, seeds in results_of(table, ROOT / "results").items()
        for result in seeds
    ]


def switches() -> list[Result]:
    """Return the results of ``scripts/switch.py``."""
    paths = sorted((ROOT / "results" / "switch").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def by_row(found: list[Result]) -> dict[str, list[Result]]:
    """Return the seeds of each row."""
    rows: dict[str, list[Result]] = defaultdict(list)
    for result in sorted(found, key=lambda result: result["seed"]):
        rows[result["row"]].append(result)
    return rows


def accuracy(seeds: list[Result]) -> str:
    """Return the test accuracy: of one seed with Wilson's interval, of more with Student's."""
    mean, low, high = ends(seeds)
    if len(seeds) == 1:
        return f"{mean:.2f} [{low:.2f}, {high:.2f}]"
    return f"{mean:.2f} ± {high - mean:.2f} ({len(seeds)} seeds)"


def best_validation(seeds: list[Result]) -> str:
    """Return the validation accuracy of the chosen epoch, seed by seed."""
    return ", ".join(f"{100 * seed['validation']:.2f}" for seed in seeds)


def ends(seeds: list[Result]) -> tuple[float, float, float]:
    """Return the mean test accuracy in percent and the ends of its interval."""
    if len(seeds) == 1:
        low, high = seeds[0]["accuracy_interval"]
        return 100 * seeds[0]["accuracy"], 100 * low, 100 * high
    mean, half = mean_interval(100 * seed["accuracy"] for seed in seeds)
    return mean, mean - half, mean + half


MARKERS = {"dense": "*", "A": "o", "B": "s"}


def scatter(axes: Axes, rows: dict[str, list[Result]], key: str, scale: float, unit: str) -> None:
    """Draw accuracy against a cost, a point with its interval a row; budgets by marker, kinds by colour."""
    for seeds in rows.values():
        colour, group = COLOURS[seeds[0]["kind"]], seeds[0]["group"]
        (mean, low, high), x = ends(seeds), seeds[0][key] / scale
        axes.plot([x, x], [low, high], color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(x, mean, MARKERS[group], color=colour, markersize=7, alpha=0.9)
    dress(axes, "test accuracy, %")
    axes.set_xlabel(unit, color=GREY)


def keys(rows: dict[str, list[Result]]) -> list[Line2D]:
    """Return the legend of `scatter`."""
    kinds = {seeds[0]["kind"] for seeds in rows.values()}
    dots = [
        Line2D([], [], color=colour, marker="o", linestyle="", label=kind.replace("_", " "))
        for kind, colour in COLOURS.items()
        if kind in kinds
    ]
    shapes = {"dense": "dense 3x1x64", "A": "budget A", "B": "budget B"}
    return dots + [
        Line2D([], [], color=GREY, marker=marker, linestyle="", label=shapes[group])
        for group, marker in MARKERS.items()
    ]


def kinds() -> tuple[str, Figure]:
    """All kinds at two budgets."""
    rows = by_row(results("kinds"))
    lines = [
        (
            seeds[0]["group"],
            seeds[0]["label"],
            best_validation(seeds),
            accuracy(seeds),
            seeds[0]["trained_weights"],
            seeds[0]["stored_bits"],
            f"{seeds[0]['multiplications_per_second'] / 1e6:.2f} M",
            f"{seeds[0]['additions_per_second'] / 1e6:.2f} M",
        )
        for seeds in sorted(
            rows.values(), key=lambda s: (["dense", "A", "B"].index(s[0]["group"]), -s[0]["trained_weights"])
        )
    ]
    columns = [
        "budget",
        "1x1s",
        "validation, %",
        "test, %",
        "trained",
        "stored bits",
        "mult. / s",
        "add. / s",
    ]
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    scatter(left, rows, "trained_weights", 1000, "trained weights, thousands")
    scatter(right, rows, "stored_bits", 8000, "stored, KB")
    figure.legend(handles=keys(rows), loc="outside right center", frameon=False, fontsize=9)
    return markdown(columns, lines), figure


def sparsity() -> tuple[str, Figure]:
    """Accuracy against sparsity, by method; level by level, the methods side by side."""
    rows = by_row(results("sparsity"))
    dense = rows.pop("dense", [])
    levels = sorted({seeds[0]["sparsity"] for seeds in rows.values()})
    lines, figure = [], Figure(figsize=(6.4, 3.8), dpi=120, layout="constrained")
    axes = figure.subplots()
    if dense:
        lines.append(("dense", 0, best_validation(dense), accuracy(dense), dense[0]["trained_weights"]))
        axes.axhline(ends(dense)[0], color=GREY, linewidth=0.8, linestyle=":", label="dense")
    for place, (method, colour) in enumerate(METHODS.items()):
        own = {seeds[0]["sparsity"]: seeds for seeds in rows.values() if seeds[0]["method"] == method}
        for level, seeds in sorted(own.items()):
            told = (best_validation(seeds), accuracy(seeds), seeds[0]["trained_weights"])
            lines.append((method, f"{100 * level:.0f}", *told))
        points = [levels.index(level) + 0.08 * (place - 1.5) for level in sorted(own)]
        means = [ends(own[level]) for level in sorted(own)]
        spread = [[mean - low for mean, low, _ in means], [high - mean for mean, _, high in means]]
        style = {"color": colour, "marker": "o", "markersize": 4, "capsize": 2, "linewidth": 1}
        axes.errorbar(points, [mean for mean, *_ in means], spread, label=method.replace("_", " "), **style)
    dress(axes, "test accuracy, %")
    axes.set_xticks(range(len(levels)), [f"{100 * level:.0f}" for level in levels])
    axes.set_xlabel("zeros among the 1x1s, %", color=GREY)
    axes.legend(frameon=False, fontsize=9)
    return markdown(["method", "zeros, %", "validation, %", "test, %", "trained"], lines), figure


def wide() -> tuple[str, Figure]:
    """Toeplitz-like against low rank on a wide layer."""
    rows = by_row(results("wide"))
    lines = []
    for seeds in sorted(rows.values(), key=lambda seeds: seeds[0]["trained_weights"]):
        rejects, half = mean_interval(100 * seed["false_rejects"] for seed in seeds)
        lines.append(
            (
                seeds[0]["label"],
                seeds[0]["trained_weights"],
                best_validation(seeds),
                accuracy(seeds),
                f"{rejects:.2f} ± {half:.2f}" if len(seeds) > 1 else f"{rejects:.2f}",
            )
        )
    figure = Figure(figsize=(5.6, 3.8), dpi=120, layout="constrained")
    axes = figure.subplots()
    for seeds in rows.values():
        kind = seeds[0]["kind"]
        for seed in seeds:
            axes.plot(seed["trained_weights"] / 1000, 100 * seed["false_rejects"], "o", color=COLOURS[kind])
        axes.annotate(
            seeds[0]["label"],
            (seeds[0]["trained_weights"] / 1000, 100 * seeds[0]["false_rejects"]),
            fontsize=7,
            color=GREY,
            xytext=(5, 3),
            textcoords="offset points",
        )
    dress(axes, "false rejects, %, at false alarms in 1 % of the clips")
    axes.set_xlabel("trained weights, thousands", color=GREY)
    heads = ["wide layer", "trained", "validation, %", "test, %", "false rejects, %"]
    return markdown(heads, lines), figure


def switch() -> tuple[str, Figure]:
    """Character error rate against the epoch of the switch, of the longest courses; all are in the table."""
    found = sorted(switches(), key=lambda r: (r["total"], r["penalty"], r["strength"], r["epoch"]))
    longest = max(r["total"] for r in found)
    figure = Figure(figsize=(5.6, 3.8), dpi=120, layout="constrained")
    axes = figure.subplots()
    for penalty, colour in (("trace_norm", BLUE), ("l2", ORANGE)):
        own = [r for r in found if r["penalty"] == penalty and r["total"] == longest]
        for strength in sorted({r["strength"] for r in own}):
            line = [r for r in own if r["strength"] == strength]
            axes.plot(
                [r["epoch"] for r in line],
                [100 * min(r["val_cer_stage2"]) for r in line],
                "o-",
                color=colour,
                label=f"{penalty.replace('_', ' ')}, {strength:g}",
            )
    dress(axes, f"validation character error rate, %, {longest} epochs")
    axes.set_xlabel("epochs before the switch", color=GREY)
    axes.legend(frameon=False, fontsize=9)
    lines = [
        (
            r["penalty"],
            f"{r['strength']:g}",
            f"{r['epoch']} of {r['total']}",
            f"{100 * r['val_cer_stage1'][-1]:.1f}",
            f"{100 * min(r['val_cer_stage2']):.1f}",
            f"{100 * r['cer']:.1f}",
            r["trained_weights"],
            f"{sum(r['errors'].values()) / len(r['errors']):.2f}",
        )
        for r in found
    ]
    columns = ["penalty", "strength", "switch after", "validation CER before, %", "after, %", "test CER, %"]
    return markdown([*columns, "trained", "mean error of the cut"], lines), figure


def speed() -> tuple[str, Figure]:
    """Time over that of the learned kind, by width."""
    rows = json.loads((ROOT / "results" / "speed.json").read_text())["rows"]
    widths = sorted({row["width"] for row in rows})
    table: dict[str, dict[int, Result]] = defaultdict(dict)
    for row in rows:
        table[row["kind"]][row["width"]] = row
    figure = Figure(figsize=(10, 4.0), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, name, title in zip(
        panels, ("forward", "step"), ("forward", "forward and backward"), strict=True
    ):
        for kind, own in table.items():
            axes.plot(
                widths, [own[w][f"{name}_ratio"] for w in widths], ".-", color=COLOURS[kind], label=kind
            )
        dress(axes, f"{title}: time over learned's")
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(w) for w in widths])
        axes.set_xlabel("channels", color=GREY)
    panels[1].legend(frameon=False, fontsize=7, ncols=2)
    lines = [
        (kind, *(f"{own[w]['forward_ratio']:.2f}, {own[w]['step_ratio']:.2f}" for w in widths))
        for kind, own in table.items()
    ]
    return markdown(["kind", *map(str, widths)], lines), figure


STUDIES: dict[str, Callable[[], tuple[str, Figure]]] = {
    "kinds": kinds,
    "sparsity": sparsity,
    "wide": wide,
    "switch": switch,
    "speed": speed,
}


def main(name: str) -> None:
    """Print a table and write a picture."""
    with plain_text():
        text, figure = STUDIES[name]()
        picture = png(figure)
    place = ROOT / "docs" / "pictures" / "studies" / f"{name}.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, picture)
    print(text)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in STUDIES:
        sys.exit(f"usage: python scripts/draw_study.py {'|'.join(STUDIES)}")
    main(sys.argv[1])
