"""What a calibrated detector tells: how far its probabilities go wrong, and misses against false alarms."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter
from numpy.typing import ArrayLike

from speechsrt.reports.page import Grid, Paragraph, Picture, Section
from speechsrt.reports.plots import BLUE, GREY, ORANGE, dress, plain_text, png
from speechsrt.reports.tables import Row

COLUMNS = ["noise", "said", "missed", "95 %", "hours", "false alarms", "an hour", "95 %"]
SHADES = ("#1f5fa8", "#4d8ac9", "#d9a00a", "#d9600a", "#a11d1d")


class Bins(Protocol):
    """Clips by the probability of the word heard."""

    @property
    def counts(self) -> ArrayLike:
        """How many are in each bin."""
        ...

    @property
    def accuracy(self) -> ArrayLike:
        """Share of them that are right."""
        ...

    @property
    def confidence(self) -> ArrayLike:
        """Mean of their probabilities."""
        ...


def reliability_picture(before: Bins, after: Bins) -> bytes:
    """Accuracy against probability, before a temperature was applied and after, as a PNG."""
    with plain_text():
        figure = Figure(figsize=(4.4, 4.0), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1)
        for bins, colour, name in ((before, GREY, "as trained"), (after, BLUE, "calibrated")):
            points = [
                (confidence, accuracy, count)
                for confidence, accuracy, count in zip(
                    _list(bins.confidence), _list(bins.accuracy), _list(bins.counts), strict=True
                )
                if count
            ]
            x, y, counts = zip(*points, strict=True)
            axes.plot(x, y, color=colour, linewidth=1, label=name)
            axes.scatter(x, y, s=[6 + 60 * count / sum(counts) for count in counts], color=colour)
        dress(axes, "share that is right")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MultipleLocator(0.2))
            axis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=" %"))
        axes.set_xlabel("probability of the word heard (size: clips)", color=GREY)
        axes.legend(frameon=False, fontsize=9)
        return png(figure)


def det_picture(
    curves: Mapping[str, Sequence[tuple[float, float]]], chosen: tuple[float, float] | None = None
) -> bytes:
    """Miss rate against false alarms an hour, a line a condition, as a PNG.

    Args:
        curves: by name, (false alarms an hour, miss rate) as the threshold falls.
        chosen: where the detector is used; marked.
    """
    with plain_text():
        figure = Figure(figsize=(5.6, 4.0), dpi=120, layout="constrained")
        axes = figure.add_subplot()
        for (name, points), colour in zip(curves.items(), SHADES, strict=False):
            x, y = zip(*points, strict=True)
            axes.step(x, y, where="post", color=colour, linewidth=1.4, label=name)
        if chosen is not None:
            axes.plot(*chosen, "o", color=ORANGE, markersize=8, label="threshold in use")
        dress(axes, "missed")
        axes.set_xscale("symlog", linthresh=1.0)
        most = max(x for points in curves.values() for x, _ in points)
        ticks = [0, *(10**power for power in range(1 + max(1, math.ceil(math.log10(max(most, 1))))))]
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlim(0, ticks[-1])
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=" %"))
        axes.set_xlabel("false alarms an hour", color=GREY)
        axes.legend(frameon=False, fontsize=9)
        return png(figure)


def chosen(told: Mapping[str, Any]) -> str:
    """Say what the threshold does on the validation split."""
    wanted, hours = told["false_alarms_wanted"], told["validation"]["hours"]
    where = f"on {hours:.2f} h of the validation split"
    if told["validation"]["alarms_an_hour"] <= wanted:
        return f"The threshold is the lowest that gives no more than {wanted:g} false alarms an hour {where}."
    return (
        f"No threshold gives {wanted:g} false alarms an hour {where}: even the highest gives "
        f"{told['validation']['alarms_an_hour']:.2f}."
    )


def near_told(told: Mapping[str, Any]) -> str:
    """Say how many of the clips made to sound nearly like a word are taken for one."""
    near = told["near"]["test"]
    low, high = (f"{100 * end:.1f}" for end in near["interval"])
    return (
        f"Of {near['clips']} clips made to sound nearly like a word {near['taken']} are taken for one "
        f"({low} to {high} %); they are not counted among the false alarms an hour."
    )


def sections(told: Mapping[str, Any], rows: Sequence[Row], det: bytes, trust: bytes) -> list[Section]:
    """Return the sections of the page: threshold, table of conditions, DET, reliability."""
    use = told["operating"]
    text = (
        f"A word is detected where the mean of its probability over {use['smooth_seconds']:g} s reaches "
        f"{use['threshold']:.4f}, and not again for {use['refractory_seconds']:g} s. {chosen(told)} Below it "
        "is used on the test split."
    )
    text += f" {near_told(told)}" if "test" in told["near"] else ""
    trusted = (
        f"Logits are divided by {use['temperature']:.3f}, chosen on the validation split. The expected "
        f"calibration error of the test split's clips was {100 * told['calibration_error_before']:.2f} % "
        f"and is {100 * told['calibration_error']:.2f} %."
    )
    return [
        Section("Operating point", [Paragraph(text), Grid(COLUMNS, rows)]),
        Section("Misses and false alarms", [Picture(det, "miss rate against false alarms an hour")]),
        Section("Confidence", [Paragraph(trusted), Picture(trust, "accuracy against probability")]),
    ]


def _list(values: ArrayLike) -> list[float]:
    return np.asarray(values).tolist()
