"""Table and picture of how fast every kind is, out of ``results/speed.json``: docs/kinds/README.md, "Speed".

usage: python scripts/draw_speed.py

Prints the Markdown table and writes ``docs/pictures/studies/speed.png``.
"""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from speechsrt.reports.files import write_atomically
from speechsrt.reports.plots import BLUE, GREY, dress, plain_text, png
from speechsrt.reports.tables import markdown

ROOT = Path(__file__).parents[1]
Timed = dict[str, Any]
COLOURS = {"learned": "#111827", "low_rank": "#6b7280", "toeplitz": "#b45309", "circulant": "#f59e0b"}
COLOURS |= {"fastfood": "#a16207", "monarch": "#7c3aed", "grouped": "#0f766e", "ternary": BLUE}
COLOURS |= {"ternary_learned": "#60a5fa", "random_fixed": "#be185d", "pruned": "#16a34a"}


def timed() -> dict[str, dict[int, Timed]]:
    """Return what ``scripts/bench_kinds.py`` kept, by kind and width."""
    rows = json.loads((ROOT / "results" / "speed.json").read_text())["rows"]
    kinds: dict[str, dict[int, Timed]] = defaultdict(dict)
    for row in rows:
        kinds[row["kind"]][row["width"]] = row
    return kinds


def draw(kinds: dict[str, dict[int, Timed]], widths: list[int]) -> Figure:
    """Draw time over that of the learned kind, by width."""
    figure = Figure(figsize=(10, 4.0), dpi=120, layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"forward": "forward", "step": "forward and backward"}
    for axes, (name, title) in zip(panels, titles.items(), strict=True):
        for kind, own in kinds.items():
            ratios = [own[width][f"{name}_ratio"] for width in widths]
            axes.plot(widths, ratios, ".-", color=COLOURS[kind], label=kind)
        dress(axes, f"{title}: time over learned's")
        axes.set_xscale("log", base=2)
        axes.set_xticks(widths, [str(width) for width in widths])
        axes.set_xlabel("channels", color=GREY)
    panels[1].legend(frameon=False, fontsize=7, ncols=2)
    return figure


def main() -> None:
    """Print the table and write the picture."""
    kinds = timed()
    widths = sorted({width for own in kinds.values() for width in own})
    with plain_text():
        picture = png(draw(kinds, widths))
    place = ROOT / "docs" / "pictures" / "studies" / "speed.png"
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(place, picture)
    lines = [
        (kind, *(f"{own[w]['forward_ratio']:.2f}, {own[w]['step_ratio']:.2f}" for w in widths))
        for kind, own in kinds.items()
    ]
    print(markdown(["kind", *map(str, widths)], lines))


if __name__ == "__main__":
    main()
