"""A table's plots: a score against its cost, with intervals and the front that nothing is better than."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, MaxNLocator

from speechsrt.reports.plots import GREY, dress, plain_text, png

COLOURS = (
    *("#111827", "#1f5fa8", "#d9600a", "#0f766e", "#7c3aed", "#be185d"),
    *("#16a34a", "#b45309", "#60a5fa", "#6b7280", "#f59e0b", "#dc2626"),
)
MARKERS = "osD^vPX*<>hpd8"
PANEL_WIDTH, PANEL_HEIGHT, LEAST_WIDTH = 3.7, 3.6, 6.0
"""Inches; three panels stay legible at the width of a page."""
LETTER, KEY, LINE = 0.075, 0.5, 0.2
"""Inches of the legend: a letter, a key with its gap, a line."""
MOST_TICKS, LEAST_GAP = 6, 12
"""On the horizontal axis; joined points have a tick at each setting, where these are further apart than a
twelfth of the axis."""


@dataclass(frozen=True)
class Point:
    """A row in a plot.

    Attributes:
        label: of the row.
        group: rows of one group share a colour, and a line where the plot joins them.
        x, y: in the units of the axes.
        low, high: ends of the interval of `y`; equal to it where none is known.
        published: by others, so drawn hollow.
    """

    label: str
    group: str
    x: float
    y: float
    low: float
    high: float
    published: bool = False


@dataclass(frozen=True)
class Panel:
    """A plot: what its axes are called, and whether the score is to be high.

    Attributes:
        front: draw the front, for a horizontal axis that is to be low.
        joined: join the points of a group.
    """

    x: str
    y: str
    points: Sequence[Point]
    high_is_good: bool
    front: bool = True
    joined: bool = False


def panels_picture(panels: Sequence[Panel]) -> bytes:
    """Return panels side by side, with one legend of all rows, or of the groups that are joined, as a PNG."""
    styles = _styles(panels)
    width = max(LEAST_WIDTH, PANEL_WIDTH * len(panels))
    columns = max(1, int(width / (LETTER * max(map(len, styles)) + KEY)))
    height = PANEL_HEIGHT + LINE * math.ceil(len(styles) / columns)
    with plain_text():
        figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            _draw(axes, panel, styles)
        keys = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=label, markerfacecolor=fill)
            for label, (colour, marker, fill) in styles.items()
        ]
        figure.legend(handles=keys, loc="outside lower center", frameon=False, fontsize=9, ncols=columns)
        return png(figure)


def front(points: Sequence[Point], high_is_good: bool) -> list[Point]:
    """Return the points that none with as low an `x` is better than, from the lowest on."""
    best: list[Point] = []
    sign = 1 if high_is_good else -1
    for point in sorted(points, key=lambda point: (point.x, -sign * point.y)):
        if not best or sign * point.y > sign * best[-1].y:
            best.append(point)
    return best


def _styles(panels: Sequence[Panel]) -> dict[str, tuple[str, str, str]]:
    """Return colour, marker and filling by the legend's text: a colour a group, a marker a row within it."""
    groups: dict[str, dict[str, bool]] = {}
    for panel in panels:
        for point in panel.points:
            groups.setdefault(point.group, {})[_legend(panel, point)] = point.published
    styles = {}
    for number, labels in enumerate(groups.values()):
        for place, (label, published) in enumerate(labels.items()):
            colour = COLOURS[number % len(COLOURS)]
            marker = MARKERS[(place if len(labels) > 1 else number) % len(MARKERS)]
            styles[label] = (colour, marker, "white" if published else colour)
    return styles


def _legend(panel: Panel, point: Point) -> str:
    """Return what the legend calls a point: its group where these are joined, and no other row's name."""
    if panel.joined:
        return point.group
    others = {other.group for other in panel.points if other.label == point.label}
    return point.label if len(others) == 1 else f"{point.label} ({point.group})"


def _draw(axes: Axes, panel: Panel, styles: dict[str, tuple[str, str, str]]) -> None:
    groups: dict[str, list[Point]] = {}
    for point in panel.points:
        groups.setdefault(point.group, []).append(point)
        colour, marker, fill = styles[_legend(panel, point)]
        axes.plot([point.x] * 2, [point.low, point.high], color=colour, linewidth=0.9, alpha=0.6)
        axes.plot(point.x, point.y, marker, color=colour, markerfacecolor=fill, markersize=6)
    for group in groups.values() if panel.joined else ():
        line = sorted(group, key=lambda point: point.x)
        xs, ys = [point.x for point in line], [point.y for point in line]
        axes.plot(xs, ys, color=styles[_legend(panel, line[0])][0], linewidth=1)
    if panel.front:
        own = front([point for point in panel.points if not point.published], panel.high_is_good)
        xs, ys = [point.x for point in own], [point.y for point in own]
        axes.plot(xs, ys, color=GREY, linewidth=0.8, linestyle=":", drawstyle="steps-post", zorder=0)
    dress(axes, panel.y)
    settings = sorted({point.x for point in panel.points})
    apart = all(b - a > (settings[-1] - settings[0]) / LEAST_GAP for a, b in pairwise(settings))
    own = panel.joined and apart
    axes.xaxis.set_major_locator(FixedLocator(settings) if own else MaxNLocator(nbins=MOST_TICKS))
    axes.xaxis.set_major_formatter(EngFormatter(sep=" ") if _large(panel) else "{x:g}")
    axes.set_xlabel(panel.x, color=GREY)


def _large(panel: Panel) -> bool:
    """Whether the horizontal axis counts thousands."""
    return max(abs(point.x) for point in panel.points) >= 1000
