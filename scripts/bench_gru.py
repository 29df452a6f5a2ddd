"""Our recurrent layer with learned matrices against `torch.nn.GRU`, forward and as a training step.

usage: python scripts/bench_gru.py [ROUNDS]        20 rounds by default, this machine's threads, some minutes

Both get the same 8 utterances of 500 frames. Normalisation, which ours holds and theirs does not, is left
out. In every round each is timed once, in turn, and the ratio ours / theirs is of one round. Told are the
means with their 95 % intervals over the rounds; below 1 ours is faster.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from rich.console import Console
from torch import nn

from speechsrt.kernels import keep_freed_memory
from speechsrt.models.recurrent import Gru
from speechsrt.pointwise.learned import Learned
from speechsrt.reports.tables import table
from speechsrt.scoring.intervals import mean_interval

BATCH, FRAMES, WIDTHS, ROUNDS = 8, 500, (192, 768), 20


def pair(width: int) -> tuple[nn.Module, nn.Module]:
    """Return our layer, without its normalisation, and PyTorch's, with the same weights."""
    ours = Gru(lambda _name, _role, ins, outs: Learned(ins, outs), "gru", width, width)
    ours.add_module("norm", nn.Identity())
    theirs: Any = nn.GRU(width, width, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.input.weight())
        theirs.weight_hh_l0.copy_(ours.recurrent.weight())
        theirs.bias_ih_l0.copy_(ours.input_bias)
        theirs.bias_hh_l0.copy_(ours.recurrent_bias)
    return ours, theirs


def states(layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """Return a layer's states; PyTorch's tells the last one twice."""
    return layer(x)[0] if isinstance(layer, nn.GRU) else layer(x)


def forward(layer: nn.Module, x: torch.Tensor) -> None:
    """Run a layer as for transcribing."""
    with torch.inference_mode():
        states(layer, x)


def step(layer: nn.Module, x: torch.Tensor) -> None:
    """Run a layer forward and backward, optimizer apart."""
    layer.zero_grad()
    states(layer, x).sum().backward()


def seconds(work: Callable[..., None], layer: nn.Module, x: torch.Tensor) -> float:
    """Return the time of a call."""
    began = time.perf_counter()
    work(layer, x)
    return time.perf_counter() - began


def rows(rounds: int) -> list[tuple[str, str, str, str]]:
    """Return what is timed, both times in milliseconds, and the ratio."""
    lines = []
    for width in WIDTHS:
        ours, theirs = pair(width)
        x = torch.randn(BATCH, FRAMES, width, requires_grad=True)
        assert torch.equal(states(ours, x), states(theirs, x))
        for work in (forward, step):
            taken = [
                (seconds(work, ours, x), seconds(work, theirs, x)) for _ in range(rounds + 2)
            ]  # the first two warm up
            ratio, half = mean_interval(mine / other for mine, other in taken[2:])
            mine, other = (1000 * mean_interval(column)[0] for column in zip(*taken[2:], strict=True))
            lines.append(
                (
                    f"{work.__name__}, {width} wide",
                    f"{other:,.1f}",
                    f"{mine:,.1f}",
                    f"{ratio:.3f} ± {half:.3f}",
                )
            )
    return lines


if __name__ == "__main__":
    keep_freed_memory()
    found = rows(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    title = f"milliseconds for {BATCH} x {FRAMES} frames, {torch.get_num_threads()} threads"
    Console(highlight=False).print(table(title, ["", "torch.nn.GRU", "ours", "ratio"], found))
