"""Tables and the picture of docs/detectors.md out of ``results/few_shot`` and ``results/detectors``.

usage: python scripts/draw_detectors.py few_shot|detectors

Prints the Markdown table; of few clips it also writes ``docs/pictures/studies/few_shot.png``.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from speechsrt.reports.files import write_atomically
from speechsrt.reports.plots import BLUE, GREY, ORANGE, dress, plain_text, png
from speechsrt.reports.tables import markdown
from speechsrt.scoring.intervals import mean_interval

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "studies" / "few_shot.png"
COLOURS, LINES = {"learned": BLUE, "ternary": ORANGE}, {"tuned": "-", "frozen": "--", "scratch": ":"}
WAYS = {"tuned": "fine-tuned", "frozen": "encoder as it was", "scratch": "from nothing"}
ROWS = {
    "happy": "happy, synthesis alone",
    "happy_speech": "happy, and speech as negatives",
    "marvin": "marvin, synthesis alone",
    "marvin_speech": "marvin, and speech as negatives",
    "ten": "ten words",
    "ten_negatives": "ten words, and negatives",
}
Result = dict[str, Any]


def results(study: str) -> list[Result]:
    """Return the results of a study."""
    return [json.loads(path.read_text()) for path in sorted((ROOT / "results" / study).glob("*.json"))]


def few_shot() -> str:
    """Return the accuracy by kind, way and clips a word, and draw it."""
    found: dict[tuple[str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in results("few_shot"):
        found[result["kind"], result["way"]][result["clips"]].append(100 * result["accuracy"])
    clips = sorted({n for own in found.values() for n in own}, key=lambda n: n or 10**9)
    figure = Figure(figsize=(6.4, 3.8), dpi=120, layout="constrained")
    axes, lines = figure.subplots(), []
    for (kind, way), own in sorted(
        found.items(), key=lambda item: (item[0][0], list(WAYS).index(item[0][1]))
    ):
        points = [mean_interval(own[n]) if len(own[n]) > 1 else (own[n][0], 0.0) for n in clips if own[n]]
        cells = [f"{mean:.1f} ± {half:.1f}" if half else f"{mean:.1f}" for mean, half in points]
        lines.append((kind, WAYS[way], *cells))
        places = [clips.index(n) for n in clips if own[n]]
        style = {
            "color": COLOURS[kind],
            "linestyle": LINES[way],
            "marker": "o",
            "markersize": 4,
            "capsize": 2,
        }
        means, halves = [mean for mean, _ in points], [half for _, half in points]
        axes.errorbar(places, means, halves, label=f"{kind}, {WAYS[way]}", **style)
    names = [str(n) if n else "all" for n in clips]
    dress(axes, "test accuracy, %")
    axes.set_xticks(range(len(clips)), names)
    axes.set_xlabel("clips a word", color=GREY)
    axes.legend(frameon=False, fontsize=8)
    write_atomically(PICTURE, png(figure))
    return markdown(["1x1s", "from seven other words", *names], lines)


def detectors() -> str:
    """Return misses and false alarms of every detector, at the threshold chosen for it."""
    found = {result["row"]: result for result in results("detectors")}
    lines = []
    for row, label in ROWS.items():
        if row in found:
            heard = found[row]["heard"]
            words = heard["words"]
            low, high = (100 * end for end in words["miss_interval"])
            miss = f"{100 * words['miss_rate']:.1f} [{low:.1f}, {high:.1f}] of {words['said']:,}"
            alarms = [rate(heard[name]) for name in ("speech", "noise", "noise_held_out", "other_words")]
            lines.append((label, f"{found[row]['operating']['threshold']:.4f}", miss, *alarms))
    heads = ["detector", "threshold", "missed, %", "speech", "noise", "noise held out", "other words"]
    return markdown(heads, lines)


def rate(told: Result) -> str:
    """Return false alarms an hour with their interval and the count."""
    low, high = told["alarms_interval"]
    return f"{told['alarms_an_hour']:.1f} [{low:.1f}, {high:.1f}] ({told['alarms']} in {told['hours']:.2f} h)"


if __name__ == "__main__":
    if sys.argv[1:] not in (["few_shot"], ["detectors"]):
        sys.exit("usage: python scripts/draw_detectors.py few_shot|detectors")
    with plain_text():
        print(few_shot() if sys.argv[1] == "few_shot" else detectors())
