"""Time every kind of 1x1 against the learned one: docs/kinds/README.md, "Speed".

usage: python scripts/bench_kinds.py [--widths 64,128,256,512,1024] [--frames 4096] [--rounds 9] [--write]

Each round takes all kinds in turn; a ratio is a kind's time over that of ``learned`` in the same round: below
1 is faster. A training step is forward and backward, the gradient of the input included. ``--write`` keeps
the figures in ``results/speed.json``.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from rich.console import Console
from torch import Tensor

from speechsrt.commands.results import commit
from speechsrt.config import conf_dir, options
from speechsrt.kernels import keep_freed_memory
from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.placement import Slot, place
from speechsrt.reports.tables import table
from speechsrt.scoring.intervals import mean_interval

SETTINGS: dict[str, dict[str, Any]] = {"low_rank": {"rank_ratio": 0.125}, "toeplitz": {"rank": 4}}
SECONDS = 0.05
"""A measurement repeats its work for so long at least."""


def layers(width: int) -> dict[str, Pointwise]:
    """Return a square layer of every kind, the pruned one at the end of its pruning."""
    made = {}
    for kind in options("pointwise"):
        rule = OmegaConf.to_container(OmegaConf.load(conf_dir() / "pointwise" / f"{kind}.yaml"))
        assert isinstance(rule, dict)
        settings = {str(key): value for key, value in rule.items()} | SETTINGS.get(kind, {})
        made[kind] = place(Slot("layer", "block", width, width), settings).layer
        made[kind].after_step(1, 1)
    return made


def forward(layer: Pointwise, x: Tensor) -> None:
    """Run a layer as in use."""
    with torch.inference_mode():
        layer(x)


def step(layer: Pointwise, x: Tensor) -> None:
    """Run a layer forward and backward."""
    layer.zero_grad()
    x.grad = None
    y = layer(x)
    y.backward(torch.ones_like(y))


def seconds(work: Callable[[], None]) -> float:
    """Return the mean time of a call."""
    work()
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        work()
        calls += 1
    return (time.perf_counter() - began) / calls


def measured(width: int, frames: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row a kind: milliseconds, and the ratio to `learned` with half its interval at 95 %."""
    made, x = layers(width), torch.randn(1, frames, width)
    works = {"forward": forward, "step": step}
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name, work in works.items():
            for kind, layer in made.items():
                own = x.clone().requires_grad_(name == "step")
                taken = seconds(lambda work=work, layer=layer, own=own: work(layer, own))
                times.setdefault((kind, name), []).append(taken)
    rows = []
    for kind in made:
        row: dict[str, Any] = {"width": width, "frames": frames, "kind": kind}
        for name in works:
            own, dense = times[kind, name], times["learned", name]
            row[f"{name}_ms"] = 1000 * sum(own) / len(own)
            row[f"{name}_ratio"], row[f"{name}_half"] = mean_interval(
                a / b for a, b in zip(own, dense, strict=True)
            )
        rows.append(row)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--widths", default="64,128,256,512,1024")
    parser.add_argument("--frames", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    typed = parser.parse_args()
    keep_freed_memory()
    torch.manual_seed(0)
    rows = []
    for width in map(int, typed.widths.split(",")):
        found = measured(width, typed.frames, typed.rounds)
        rows += found
        lines = [
            (row["kind"], *(f"{row[f'{n}_ratio']:.2f} ± {row[f'{n}_half']:.2f}" for n in ("forward", "step")))
            for row in found
        ]
        title = (
            f"{width} channels, {typed.frames} frames, {torch.get_num_threads()} threads: time over learned's"
        )
        Console(highlight=False).print(table(title, ["kind", "forward", "forward and backward"], lines))
    if typed.write:
        about = {"commit": commit(), "threads": torch.get_num_threads(), "rounds": typed.rounds, "rows": rows}
        path = Path(__file__).parents[1] / "results" / "speed.json"
        path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
