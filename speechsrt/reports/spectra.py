"""Pictures of singular values: how they fall, layer by layer, where they are cut, how low they are."""

from collections.abc import Mapping, Sequence

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from speechsrt.reports.plots import GREY, dress, plain_text, png

MOST_NAMED = 16


def spectra(values: Mapping[str, Sequence[float]], measure: Mapping[str, Sequence[float]]) -> bytes:
    """Singular values by layer, beside nu by layer and epoch.

    Args:
        values: of each layer, the largest first.
        measure: nu of each layer, epoch by epoch.
    """
    with plain_text():
        figure = Figure(figsize=(9.2, 3.6), dpi=120, layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_values(left, values, {})
        for (name, course), colour in zip(measure.items(), _colours(len(measure)), strict=True):
            right.plot(range(len(course)), course, color=colour, label=name, linewidth=1.5)
        dress(right, "nu: 0 is rank one, 1 is all values alike")
        right.set_xlabel("epoch", color=GREY)
        right.set_ylim(0, 1)
        right.xaxis.set_major_locator(MaxNLocator(integer=True))
        return png(figure)


def cut(values: Mapping[str, Sequence[float]], kept: Mapping[str, int], errors: Mapping[str, float]) -> bytes:
    """Singular values of layers before a projection, a point at the rank that was kept, beside the errors.

    Args:
        values: of each layer, the largest first.
        kept: the rank that a layer was cut to, of those that were cut by rank.
        errors: ``|W - W'| / |W|`` of each layer.
    """
    with plain_text():
        figure = Figure(figsize=(9.2, max(3.6, 0.26 * len(errors) + 1)), dpi=120, layout="constrained")
        left, right = figure.subplots(1, 2)
        _draw_values(left, values, kept)
        right.barh(range(len(errors)), list(errors.values()), color=_colours(len(errors)))
        right.set_yticks(range(len(errors)), list(errors), fontsize=8)
        right.invert_yaxis()
        dress(right, "error of the projection")
        right.xaxis.set_major_locator(MaxNLocator(nbins=6))
        right.xaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=" %"))
        right.set_xlim(0, max(1e-3, 1.05 * max(errors.values(), default=1.0)))
        return png(figure)


def _draw_values(axes: Axes, values: Mapping[str, Sequence[float]], kept: Mapping[str, int]) -> None:
    for (name, own), colour in zip(values.items(), _colours(len(values)), strict=True):
        top = own[0] if own and own[0] > 0 else 1.0
        shown = [value / top for value in own]
        axes.plot(range(1, len(shown) + 1), shown, color=colour, label=name, linewidth=1.5)
        if name in kept:
            axes.plot(kept[name], shown[kept[name] - 1], "o", color=colour, markersize=5)
    dress(axes, "singular values, the largest as 1" + (", cut at the point" if kept else ""))
    axes.set_xlabel("number", color=GREY)
    axes.set_ylim(bottom=0)
    if len(values) <= MOST_NAMED:
        axes.legend(frameon=False, fontsize=7, ncols=2)


def _colours(count: int) -> list[tuple[float, ...]]:
    shades = colormaps["viridis"]
    return [tuple(shades(0.92 * number / max(1, count - 1))) for number in range(count)]
