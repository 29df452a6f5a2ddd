"""Pictures of a run as PNG bytes: which words are mistaken for which, and how loss and scores went.

Drawn through matplotlib's figure objects and its Agg canvas, which need no display, and in the font that
matplotlib ships, so that a picture looks the same on every machine.
"""

import io
import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike, NDArray

FONT = "DejaVu Sans"
BLUE, ORANGE, GREY = "#1f5fa8", "#d9600a", "#6b7280"
LONGEST_LABEL = 18
MOST_COUNTED = 20  # more classes than this leave no room for counts in the cells
MOST_LABELLED = 60  # and more than this none for every label


class Rate(NamedTuple):
    """How a score of the validation split is drawn, and which of its values is the best."""

    column: str
    name: str
    colour: str
    best: Callable[..., int]


RATES = (
    Rate("val_accuracy", "accuracy", BLUE, max),
    Rate("val_wer", "word error rate", BLUE, min),
    Rate("val_cer", "character error rate", ORANGE, min),
)


def confusion(labels: Sequence[str], matrix: ArrayLike) -> bytes:
    """The (K, K) counts, rows what was said, columns what was heard: blue where right, orange where mistaken.

    Blue is as deep as the count's share of its row; orange as the cube root of it, or the few mistakes of a
    good model could not be seen. A label that the font cannot draw stands as its number, counted from 1.
    """
    counts = np.asarray(matrix)
    size = len(labels)
    shades = _shades(counts)
    with plain_text():
        side = min(20.0, max(2.4, (0.42 if size <= MOST_COUNTED else 0.27) * size))
        figure = Figure(figsize=(side, side), dpi=120)
        axes = figure.add_subplot()
        axes.imshow(shades, interpolation="nearest")
        _label_cells(axes, labels)
        if size <= MOST_COUNTED:
            _write_counts(axes, counts, shades)
        return png(figure)


def curves(history: Sequence[Mapping[str, object]], kept: int | None = None) -> bytes:
    """Loss, and those of `RATES` that are known, from rows of `metrics.csv`; any cell may be missing.

    The horizontal axis counts epochs, or steps where a column was written more than once an epoch. `kept` is
    the epoch whose model was kept, counted as there; it is not that of the best score where another chose it.
    """
    columns = ["train_loss", "val_loss", *(rate.column for rate in RATES)]
    clock = "epoch" if all(_once_an_epoch(history, column) for column in columns) else "step"
    series = {rate: _series(history, clock, rate.column) for rate in RATES}
    known = {rate: points for rate, points in series.items() if points[1]}
    with plain_text():
        rows = 2 if known else 1
        figure = Figure(figsize=(5.6, 2.6 * rows), dpi=120, layout="constrained")
        panels = figure.subplots(rows, 1, squeeze=False, sharex=True)[:, 0]
        _draw(panels[0], *_series(history, clock, "train_loss"), colour=GREY, name="training")
        _draw(panels[0], *_series(history, clock, "val_loss"), colour=BLUE, name="validation")
        dress(panels[0], "loss")
        panels[0].legend(frameon=False, fontsize=9)
        if known:
            _draw_rates(panels[1], known, clock, kept if clock == "epoch" else None)
        panels[-1].set_xlabel(clock, color=GREY)
        return png(figure)


def plain_text() -> AbstractContextManager[None]:
    """The shipped font and no markup, whatever the user's matplotlibrc says."""
    return matplotlib.rc_context({"font.family": FONT, "text.usetex": False, "text.parse_math": False})


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(family=[FONT]))).get_charmap())


def _drawable(text: str) -> bool:
    """Whether the font has every character, and none needs a right-to-left layout, which Agg may lack."""
    return all(ord(c) in _glyphs() and unicodedata.bidirectional(c) not in ("R", "AL") for c in text)


def _short_label(number: int, label: str) -> str:
    text = unicodedata.normalize("NFC", label)
    if not text.strip() or not _drawable(text):
        return f"No. {number}"
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def _shades(counts: NDArray) -> NDArray[np.float64]:
    """(K, K, 3) colours in [0, 1]."""
    share = (counts / np.maximum(1, counts.sum(axis=1, keepdims=True)))[:, :, None]
    right = np.eye(len(counts), dtype=bool)[:, :, None]
    return np.where(right, _tint(share, BLUE), _tint(np.cbrt(share), ORANGE))


def _tint(strength: NDArray[np.float64], hue: str) -> NDArray[np.float64]:
    """White at 0, the hue at 1."""
    return 1 - strength * (1 - np.array(to_rgb(hue)))


def _label_cells(axes: Axes, labels: Sequence[str]) -> None:
    places = range(0, len(labels), math.ceil(len(labels) / MOST_LABELLED))
    texts = [_short_label(k + 1, labels[k]) for k in places]
    axes.set_xticks(places, texts, rotation=90, fontsize=9)
    axes.set_yticks(places, texts, fontsize=9)
    axes.set_xlabel("heard", color=GREY)
    axes.set_ylabel("said", color=GREY)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(labels) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="#e5e7eb", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_color("#d1d5db")


def _write_counts(axes: Axes, counts: NDArray, shades: NDArray[np.float64]) -> None:
    """Every count but zero, white on the dark cells."""
    for row, column in np.argwhere(counts):
        dark = shades[row, column] @ (0.299, 0.587, 0.114) < 0.6
        text = f"{counts[row, column]:d}"
        axes.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=8 if len(text) < 5 else 6,
            color="white" if dark else "black",
        )


def _number(row: Mapping[str, object], column: str) -> float | None:
    """A cell of the history as a finite number; None where it is empty, absent or not finite."""
    value = row.get(column)
    if value is None or value == "":
        return None
    number = float(str(value))
    return number if math.isfinite(number) else None


def _series(
    history: Sequence[Mapping[str, object]], clock: str, column: str
) -> tuple[list[float], list[float]]:
    points = [(_number(row, clock), _number(row, column)) for row in history]
    known = [(x, y) for x, y in points if x is not None and y is not None]
    return [x for x, _ in known], [y for _, y in known]


def _once_an_epoch(history: Sequence[Mapping[str, object]], column: str) -> bool:
    epochs = [_number(row, "epoch") for row in history if _number(row, column) is not None]
    return None not in epochs and len(set(epochs)) == len(epochs)


def _draw(axes: Axes, x: list[float], y: list[float], colour: str, name: str) -> None:
    """A line, with its points where they are few."""
    axes.plot(x, y, color=colour, label=name, linewidth=1.6, marker="." if len(x) < 10 else None)


def _draw_rates(
    axes: Axes, known: Mapping[Rate, tuple[list[float], list[float]]], clock: str, kept: int | None
) -> None:
    """Every rate that is known; title and point tell the first where it was kept, else where it was best."""
    for rate, points in known.items():
        _draw(axes, *points, colour=rate.colour, name=rate.name)
    first, (times, values) = next(iter(known.items()))
    best = first.best(range(len(values)), key=values.__getitem__)
    told = times.index(kept) if kept in times else best
    what = "best" if values[told] == values[best] else "kept"
    axes.plot(times[told], values[told], "o", color=first.colour)
    title = f"validation {first.name}, {what} {values[told]:.1%} at {clock} {times[told]:.0f}"
    dress(axes, title.replace("%", " %"))
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=" %"))
    if len(known) > 1:
        axes.legend(frameon=False, fontsize=9)


def dress(axes: Axes, title: str) -> None:
    """A title, a light grid, whole numbers below."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.grid(color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file."""
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    # Without the program's name the same numbers give the same bytes under every release's version string.
    figure.savefig(
        file,
        format="png",
        bbox_inches="tight",
        pad_inches=0.12,
        facecolor="white",
        metadata={"Software": None},
    )
    return file.getvalue()
