"""Tables and pictures of two studies out of ``results/``: docs/kinds/README.md, "Measured".

usage: python scripts/draw_study.py switch|speed

Prints the Markdown table and writes ``docs/pictures/studies/NAME.png``.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from speechsrt.reports.files import write_atomically
from speechsrt.reports.plots import BLUE, GREY, ORANGE, dress, plain_text, png
from speechsrt.reports.tables import markdown

ROOT = Path(__file__).parents[1]
Result = dict[str, Any]
COLOURS = {"learned": "#111827", "low_rank": "#6b7280", "toeplitz": "#b45309", "circulant": "#f59e0b"}
COLOURS |= {"fastfood": "#a16207", "monarch": "#7c3aed", "grouped": "#0f766e", "ternary": BLUE}
COLOURS |= {"ternary_learned": "#60a5fa", "random_fixed": "#be185d", "pruned": "#16a34a"}


def switches() -> list[Result]:
    """Return the results of ``scripts/switch.py``."""
    paths = sorted((ROOT / "results" / "switch").glob("*.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


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
