"""Draw ``docs/pictures/pointwise.png``: the weights of each kind of 1x1, and their singular values.

usage: python scripts/draw_matrices.py
"""

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.low_rank import LowRank
from speechsrt.pointwise.ternary import Ternary
from speechsrt.reports.plots import BLUE, GREY, ORANGE

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "pointwise.png"
WIDTH, DENSITY, RANK, SEED = 64, 0.1, 8, 2
SIGNED = LinearSegmentedColormap.from_list("signed", [ORANGE, "white", BLUE])
BARS = "#93a3b8"
LINES = ["#111827", "#9ca3af", "#b45309", "#0f766e", "#7c3aed"]


def layers() -> dict[str, Pointwise]:
    """Return one layer of each kind, as it starts."""
    torch.manual_seed(SEED)
    made: dict[str, Pointwise] = {
        "learned": Learned(WIDTH, WIDTH),
        f"low rank, r = {RANK}": LowRank(WIDTH, WIDTH, rank=RANK),
    }
    for generator in ("hash", "stratified", "sobol"):
        made[f"ternary, {generator}"] = Ternary(WIDTH, WIDTH, DENSITY, generator, SEED)
    return made


def draw_matrix(axes: Axes, name: str, weight: NDArray[np.float64]) -> None:
    """Draw one matrix, its trained numbers in the title, and for a sparse one its counts at the edges."""
    present = weight != 0
    limit = (2 if present.all() else 1) * float(np.sqrt(np.mean(weight[present] ** 2)))
    axes.imshow(weight, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_title(name, fontsize=11, loc="left")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#d1d5db")
    axes.set_ylabel("outputs", fontsize=8, color=GREY)
    if present.all():
        axes.set_xlabel("inputs", fontsize=8, color=GREY)
        return
    draw_counts(axes.inset_axes((1.02, 0, 0.16, 1), sharey=axes), present.sum(1), sideways=True)
    draw_counts(axes.inset_axes((0, -0.18, 1, 0.16), sharex=axes), present.sum(0), sideways=False)


def draw_counts(axes: Axes, counts: NDArray[np.int64], sideways: bool) -> None:
    """Draw how many non-zeros each output or input has, with the lowest and the highest number."""
    places = np.arange(len(counts))
    top = 2 * DENSITY * WIDTH + 2
    low, high = int(counts.min()), int(counts.max())
    words = f"{low} each" if low == high else f"{low} to {high}"
    if sideways:
        axes.barh(places, counts, height=1.0, color=BARS)
        axes.set_xlim(0, top)
        write(axes, 1, 1.02, f"outputs: {words}", "right", "bottom")
    else:
        axes.bar(places, counts, width=1.0, color=BARS)
        axes.set_ylim(top, 0)
        write(axes, 0.5, -0.1, f"inputs: {words}", "center", "top")
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    axes.spines[:].set_visible(False)


def write(
    axes: Axes,
    x: float,
    y: float,
    words: str,
    across: Literal["center", "right"],
    up: Literal["top", "bottom"],
) -> None:
    """Write small grey words at a place given in shares of the axes."""
    axes.text(x, y, words, transform=axes.transAxes, fontsize=8, color=GREY, ha=across, va=up)


def draw_values(axes: Axes, weights: dict[str, NDArray[np.float64]]) -> None:
    """Draw the singular values of all matrices, each scaled to one in the mean square."""
    for (name, weight), colour in zip(weights.items(), LINES, strict=True):
        values = np.linalg.svd(weight, compute_uv=False)
        values = values / np.sqrt(np.mean(values**2))
        shown = values[values > 1e-6]
        axes.plot(np.arange(1, len(shown) + 1), shown, color=colour, label=name, linewidth=1.5)
    axes.set_title("singular values", fontsize=11, loc="left")
    axes.legend(frameon=False, fontsize=8)
    axes.set_box_aspect(1)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=8, colors=GREY)
    axes.grid(color="#e5e7eb", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Draw and write the picture."""
    weights = {name: layer.weight().detach().double().numpy() for name, layer in layers().items()}
    figure = Figure(figsize=(9.6, 6.6), dpi=110)
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 3, gridspec_kw={"wspace": 0.32, "hspace": 0.2})
    for axes, (name, weight) in zip(np.delete(panels.flat, 2), weights.items(), strict=True):
        draw_matrix(axes, name, weight)
    draw_values(panels[0, 2], weights)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(
        PICTURE, facecolor="white", bbox_inches="tight", pad_inches=0.15, metadata={"Software": None}
    )
    print(PICTURE)


if __name__ == "__main__":
    main()
