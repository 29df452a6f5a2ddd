"""MatchboxNet-3x1x64 or QuartzNet-5x5 here and in NVIDIA NeMo, in turn, on this machine.

usage: python scripts/bench_nemo.py --nemo-python PATH [--net matchboxnet|quartznet] [--rounds 10] ...

NeMo lives in an environment of its own, whose interpreter is PATH. Both sides are child processes that wait
while another one computes; each round asks every child for some steps, beginning with another one each time.
The ratio is NeMo's median of a round over ours, its interval Student's t over the rounds, on logarithms.

What either side of a work does stands in `NETS` and is printed with the figures, and so is what its first
time gave: the number of trained weights, the loss, frames. Neither side counts Lightning's loop.
``--profile`` prints where the time of our training step goes and needs no NeMo.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import torch
from rich.console import Console

from speechsrt.commands.results import commit
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import cell, table
from speechsrt.scoring.intervals import mean_interval

PEER = Path(__file__).parent / "peer"
PROFILED_ROUNDS = 2
WARM_UP = 4  # steps until no memory is new


@dataclass(frozen=True)
class Work:
    """Something that every child does: how often for a training step, and what is in it on either side."""

    often: int
    nemo: str
    ours: str


@dataclass(frozen=True)
class Net:
    """A network to compare: its name, the scripts of both sides, clips and training steps, its works."""

    title: str
    script: str
    batch: int
    steps: int
    works: dict[str, Work]


NETS = {
    "matchboxnet": Net(
        "MatchboxNet-3x1x64, clips of 1 s",
        "keyword_step.py",
        128,
        10,
        {
            "train": Work(
                1,
                "features of a ready waveform, masks, forward, loss, backward, optimizer",
                "cutting the batch from 16-bit samples, shift, white noise, features, masks, forward, loss, "
                "backward, optimizer",
            )
        },
    ),
    "quartznet": Net(
        "QuartzNet-5x5, utterances of 10 s",
        "recognition_step.py",
        8,
        2,
        {
            "train": Work(
                1,
                "dither and features of a ready waveform, cut-outs, forward, loss, backward, optimizer",
                "cutting the batch from 16-bit samples, dither, features, cut-outs, forward, loss, backward, "
                "optimizer",
            ),
            "features": Work(10, "features without dither", "features without dither"),
            "hear": Work(
                2, "features, forward, best path, texts", "features, forward, best path with times, texts"
            ),
            "greedy": Work(
                20, "texts of ready log probabilities", "texts, times and scores of ready log probabilities"
            ),
        },
    ),
}


class Stepper:
    """A child process that works when asked to; what it says on standard error goes to a file.

    Attributes:
        gave: of each work, what its first time gave.

    Raises:
        SystemExit: the child ended; the message is the end of what it said.
    """

    def __init__(self, command: list[str], errors: Path) -> None:
        self.command, self.errors, self.gave = command, errors, dict[str, dict[str, int | float | str]]()
        with errors.open("w") as file:
            self.child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )

    def times(self, work: str, count: int) -> list[float]:
        """Return the milliseconds of each of `count` times of a work."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(f"{work} {count}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            self._fail()
        for line in self.child.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                self.gave.setdefault(work, answer["gave"])
                return answer["milliseconds"]
        self._fail()

    def close(self) -> None:
        """End the child."""
        self.child.communicate()

    def _fail(self) -> NoReturn:
        self.child.wait()
        raise SystemExit(f"{' '.join(self.command)}\n{self.errors.read_text()[-2000:]}")


def measure(steppers: dict[str, Stepper], work: str, rounds: int, count: int) -> dict[str, list[float]]:
    """Return for each child the median milliseconds of every round; what comes before them warms up."""
    names = list(steppers)
    medians: dict[str, list[float]] = {name: [] for name in names}
    for stepper in steppers.values():
        stepper.times(work, max(WARM_UP, count))
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            medians[name].append(median(steppers[name].times(work, count)))
    return medians


def ratio(theirs: list[float], ours: list[float]) -> tuple[float, float, float]:
    """Return how many times as fast ours is (geometric mean over rounds) and its 95 % interval."""
    mean, half = mean_interval(math.log(a / b) for a, b in zip(theirs, ours, strict=True))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half) if math.isfinite(half) else math.inf


def compare(
    steppers: dict[str, Stepper], work: str, medians: dict[str, list[float]], batch: int
) -> list[dict[str, Any]]:
    """Return one row a child."""
    rows = []
    for name, values in medians.items():
        fast, low, high = ratio(medians["nemo"], values)
        row = {"work": work, "name": name, "gave": steppers[name].gave[work], "milliseconds": median(values)}
        row |= {"clips_per_second": 1000 * batch / median(values)}
        rows.append(row | {"ratio": fast, "ratio_interval": [low, high], "rounds": values})
    return rows


def show(net: Net, work: str, rows: list[dict[str, Any]], chosen: argparse.Namespace) -> None:
    """Print a work's table and what is in it on each side."""
    cells = [
        (
            row["name"],
            digits(row["milliseconds"]),
            digits(row["clips_per_second"]),
            f"{row['ratio']:.2f} [{row['ratio_interval'][0]:.2f}, {row['ratio_interval'][1]:.2f}]",
        )
        for row in rows
    ]
    title = f"{work}: {net.title}, {chosen.batch} at once, {chosen.threads} threads, {chosen.rounds} rounds"
    columns = ["side", "ms", "clips/s", "times NeMo's speed [95 %]"]
    Console(highlight=False).print(table(title, columns, cells))
    print(f"nemo: {net.works[work].nemo}\nours: {net.works[work].ours}\nat first:")
    for row in rows:
        print(f"  {row['name']}:", ", ".join(f"{key} {cell(value)}" for key, value in row["gave"].items()))
    print()


def digits(value: float) -> str:
    """Return a number to three places, a large one without any."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3f}"


def arguments() -> argparse.Namespace:
    """Read the command line; what is left out of it is the network's own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nemo-python", help="interpreter of an environment with NeMo")
    parser.add_argument("--net", choices=NETS, default="matchboxnet")
    parser.add_argument("--works", help="such as train,features; all of the network's where left out")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, help="training steps of each child in a round")
    parser.add_argument(
        "--pointwise",
        default="learned,ternary",
        help="kinds of the blocks' 1x1s: ternary,low_rank:rank_ratio=0.25",
    )
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--profile", action="store_true", help="print where our step's time goes, and stop")
    chosen = parser.parse_args()
    if not chosen.profile and not chosen.nemo_python:
        parser.error("--nemo-python PATH is needed (or --profile)")
    net = NETS[chosen.net]
    chosen.batch, chosen.steps = chosen.batch or net.batch, chosen.steps or net.steps
    chosen.works = chosen.works.split(",") if chosen.works else list(net.works)
    if unknown := set(chosen.works) - set(net.works):
        parser.error(f"--works {','.join(sorted(unknown))}: choose of {','.join(net.works)}")
    return chosen


def commands(chosen: argparse.Namespace) -> dict[str, list[str]]:
    """Return the command of every child but NeMo's."""
    script, sizes = PEER / f"speechsrt_{NETS[chosen.net].script}", [str(chosen.batch), str(chosen.threads)]
    return {kind: [sys.executable, str(script), *sizes, kind] for kind in chosen.pointwise.split(",")}


def results(chosen: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure and print one work after another; return all rows."""
    net, rows = NETS[chosen.net], []
    nemo = [chosen.nemo_python, str(PEER / f"nemo_{net.script}"), str(chosen.batch), str(chosen.threads)]
    with tempfile.TemporaryDirectory() as folder:
        steppers = {
            name: Stepper(command, Path(folder) / name)
            for name, command in ({"nemo": nemo} | commands(chosen)).items()
        }
        for work in chosen.works:
            count = chosen.steps * net.works[work].often
            found = compare(steppers, work, measure(steppers, work, chosen.rounds, count), chosen.batch)
            show(net, work, found, chosen)
            rows += found
        for stepper in steppers.values():
            stepper.close()
    return rows


def main() -> None:
    """Measure, print, write."""
    chosen = arguments()
    if chosen.profile:
        for command in commands(chosen).values():
            subprocess.run([*command, "--profile", str(PROFILED_ROUNDS * chosen.steps)], check=True)
        return
    rows = results(chosen)
    if chosen.output:
        about = {key: getattr(chosen, key) for key in ("net", "batch", "threads", "rounds", "steps")}
        included = {
            work: {"nemo": NETS[chosen.net].works[work].nemo, "ours": NETS[chosen.net].works[work].ours}
            for work in chosen.works
        }
        about |= {"torch": torch.__version__, "commit": commit(), "included": included, "rows": rows}
        write_atomically(chosen.output, json.dumps(about, indent=1).encode())


if __name__ == "__main__":
    main()
