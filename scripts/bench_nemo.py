"""A training step of MatchboxNet-3x1x64 here and in NVIDIA NeMo, in turn, on this machine.

usage: python scripts/bench_nemo.py --nemo-python PATH [--batch 128] [--threads 2] [--rounds 10] ...

NeMo lives in an environment of its own, whose interpreter is PATH. Both sides are child processes that wait
while another one computes; each round asks every child for some steps, beginning with another one each time.
The ratio is NeMo's median of a round over ours, its interval Student's t over the rounds, on logarithms.

Both sides: one-second clips at 16 kHz, cepstra, 5 + 2 + 2 masks, forward, backward, NovoGrad. Ours does more:
it cuts the batch from clips held as 16-bit samples and it shifts and adds white noise to every waveform, as
the recipe asks; NeMo's gets one ready waveform and does neither. Neither side counts Lightning's loop.
``--profile`` prints where the time of our step goes and needs no NeMo.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import torch
from rich.console import Console

from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table
from speechsrt.scoring.intervals import mean_interval

PEER = Path(__file__).parent / "peer"
INCLUDED = {
    "nemo": "features, masks, forward, backward, optimizer",
    "ours": "cutting the batch, shift, white noise, features, masks, forward, backward, optimizer",
}


class Stepper:
    """A child process that does training steps when asked to; what it says on standard error goes to a file.

    Raises:
        SystemExit: the child ended; the message is the end of what it said.
    """

    def __init__(self, command: list[str], errors: Path) -> None:
        self.command, self.errors = command, errors
        with errors.open("w") as file:
            self.child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file, text=True
            )

    def steps(self, count: int) -> list[float]:
        """Return the milliseconds of each of `count` steps."""
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        try:
            self.child.stdin.write(f"{count}\n")
            self.child.stdin.flush()
        except BrokenPipeError:
            self._fail()
        for line in self.child.stdout:
            if line.startswith("["):
                return json.loads(line)
        self._fail()

    def close(self) -> None:
        """End the child."""
        self.child.communicate()

    def _fail(self) -> NoReturn:
        self.child.wait()
        raise SystemExit(f"{' '.join(self.command)}\n{self.errors.read_text()[-2000:]}")


def measure(steppers: dict[str, Stepper], rounds: int, steps: int) -> dict[str, list[float]]:
    """Return for each child the median milliseconds of every round; a round before the first warms up."""
    names = list(steppers)
    medians: dict[str, list[float]] = {name: [] for name in names}
    for stepper in steppers.values():
        stepper.steps(steps)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            medians[name].append(median(steppers[name].steps(steps)))
    return medians


def ratio(theirs: list[float], ours: list[float]) -> tuple[float, float, float]:
    """Return how many times as fast ours is (geometric mean over rounds) and its 95 % interval."""
    mean, half = mean_interval(math.log(a / b) for a, b in zip(theirs, ours, strict=True))
    return math.exp(mean), math.exp(mean - half), math.exp(mean + half) if math.isfinite(half) else math.inf


def compare(medians: dict[str, list[float]], batch: int) -> list[dict[str, Any]]:
    """Return one row a child."""
    rows = []
    for name, values in medians.items():
        fast, low, high = ratio(medians["nemo"], values)
        row = {
            "name": name,
            "milliseconds": median(values),
            "clips_per_second": 1000 * batch / median(values),
        }
        rows.append(row | {"ratio": fast, "ratio_interval": [low, high], "rounds": values})
    return rows


def show(rows: list[dict[str, Any]], chosen: argparse.Namespace) -> None:
    """Print the table and what is in each side's step."""
    cells = [
        (
            row["name"],
            round(row["milliseconds"], 1),
            round(row["clips_per_second"]),
            f"{row['ratio']:.2f} [{row['ratio_interval'][0]:.2f}, {row['ratio_interval'][1]:.2f}]",
        )
        for row in rows
    ]
    title = (
        f"MatchboxNet-3x1x64, {chosen.batch} clips a step, {chosen.threads} threads, {chosen.rounds} rounds"
    )
    columns = ["step of", "ms", "clips/s", "times NeMo's speed [95 %]"]
    console = Console()
    console.print(table(title, columns, cells))
    console.print(f"nemo: {INCLUDED['nemo']}\nours: {INCLUDED['ours']}")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nemo-python", help="interpreter of an environment with NeMo")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=10, help="steps of each child in a round")
    parser.add_argument(
        "--pointwise", default="learned,ternary", help="kinds of the blocks' 1x1s that need no settings"
    )
    parser.add_argument("--output", type=Path, help="JSON file to write")
    parser.add_argument("--profile", action="store_true", help="print where our step's time goes, and stop")
    chosen = parser.parse_args()
    if not chosen.profile and not chosen.nemo_python:
        parser.error("--nemo-python PATH is needed (or --profile)")
    return chosen


def main() -> None:
    """Measure, print, write."""
    chosen = arguments()
    kinds, sizes = chosen.pointwise.split(","), [str(chosen.batch), str(chosen.threads)]
    ours = {kind: [sys.executable, str(PEER / "speechsrt_keyword_step.py"), *sizes, kind] for kind in kinds}
    if chosen.profile:
        for command in ours.values():
            subprocess.run([*command, "--profile"], check=True)
        return
    commands = {"nemo": [chosen.nemo_python, str(PEER / "nemo_keyword_step.py"), *sizes]} | ours
    with tempfile.TemporaryDirectory() as folder:
        steppers = {name: Stepper(command, Path(folder) / name) for name, command in commands.items()}
        rows = compare(measure(steppers, chosen.rounds, chosen.steps), chosen.batch)
        for stepper in steppers.values():
            stepper.close()
    show(rows, chosen)
    if chosen.output:
        about = {
            "batch": chosen.batch,
            "threads": chosen.threads,
            "steps": chosen.steps,
            "torch": torch.__version__,
        }
        text = json.dumps(about | {"included": INCLUDED, "rows": rows}, indent=1)
        write_atomically(chosen.output, text.encode())


if __name__ == "__main__":
    main()
