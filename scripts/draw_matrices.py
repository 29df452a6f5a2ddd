"""Draw ``docs/pictures``: ``pointwise.png``, weights and singular values of some kinds of 1x1, and
``kinds/KIND.png``, the weights of every kind of ``conf/pointwise``.

usage: python scripts/draw_matrices.py
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray
from omegaconf import OmegaConf

from speechsrt.config import conf_dir
from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.low_rank import LowRank
from speechsrt.pointwise.placement import Slot, place
from speechsrt.pointwise.ternary import Ternary
from speechsrt.reports.plots import BLUE, GREY, ORANGE

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH, DENSITY, RANK, SEED = 64, 0.1, 8, 2
CHOSEN = {"low_rank": {"rank": RANK}}  # where the file of a kind leaves a choice open
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


def kinds() -> dict[str, Pointwise]:
    """Return one layer of every kind, as its file has it: new, but one that is pruned as it ends."""
    made: dict[str, Pointwise] = {}
    for path in sorted((conf_dir() / "pointwise").glob("*.yaml")):
        torch.manual_seed(SEED)
        rule = dict(OmegaConf.load(path)) | CHOSEN.get(path.stem, {})
        made[path.stem] = place(Slot("block1.0", "block", WIDTH, WIDTH), rule).layer
        made[path.stem].after_step(1, 1)
    return made


def draw_matrix(axes: Axes, name: str, weight: NDArray[np.float64]) -> None:
    """Draw one matrix, its name in the title, and for a sparse one its counts at the edges."""
    present = weight != 0
    draw_weights(axes, weight, (2 if present.all() else 1) * size_of(weight))
    axes.set_title(name, fontsize=11, loc="left")
    if present.all():
        axes.set_xlabel("inputs", fontsize=8, color=GREY)
        return
    draw_counts(axes.inset_axes((1.02, 0, 0.16, 1), sharey=axes), present.sum(1), sideways=True)
    draw_counts(axes.inset_axes((0, -0.18, 1, 0.16), sharex=axes), present.sum(0), sideways=False)


def size_of(weight: NDArray[np.float64]) -> float:
    """Return the root mean square of the non-zeros."""
    return float(np.sqrt(np.mean(weight[weight != 0] ** 2)))


def draw_weights(axes: Axes, weight: NDArray[np.float64], limit: float) -> None:
    """Draw a matrix in colours that are full at plus and minus the limit."""
    axes.imshow(weight, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color("#d1d5db")
    axes.set_ylabel("outputs", fontsize=8, color=GREY)


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


def draw_overview(path: Path) -> None:
    """Draw the matrices of `layers` and their singular values."""
    weights = {name: layer.weight().detach().double().numpy() for name, layer in layers().items()}
    figure = Figure(figsize=(9.6, 6.6), dpi=110)
    panels = figure.subplots(2, 3, gridspec_kw={"wspace": 0.32, "hspace": 0.2})
    for axes, (name, weight) in zip(np.delete(panels.flat, 2), weights.items(), strict=True):
        draw_matrix(axes, name, weight)
    draw_values(panels[0, 2], weights)
    save(figure, path, bbox_inches="tight", pad_inches=0.15)


def draw_kind(path: Path, layer: Pointwise) -> None:
    """Draw one matrix, four pixels an entry."""
    figure = Figure(figsize=(3.2, 3.2), dpi=100)
    axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
    weight = layer.weight().detach().double().numpy()
    draw_weights(axes, weight, min(2 * size_of(weight), float(np.abs(weight).max())))
    axes.set_xlabel("inputs", fontsize=8, color=GREY)
    save(figure, path)


def save(figure: Figure, path: Path, **how: Any) -> None:
    """Write a figure as PNG and say where."""
    FigureCanvasAgg(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, facecolor="white", metadata={"Software": None}, **how)
    print(path)


def main() -> None:
    """Draw and write all pictures."""
    draw_overview(PICTURES / "pointwise.png")
    for name, layer in kinds().items():
        draw_kind(PICTURES / "kinds" / f"{name}.png", layer)


if __name__ == "__main__":
    main()
