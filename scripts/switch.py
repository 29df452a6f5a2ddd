"""How early training may switch from a penalised full matrix to a truncated one (arXiv 1710.09026).

usage: python scripts/switch.py [--trace-norm 0.01] [--l2 0.01] [--epochs 1,2,4] [--total 6]
                                [--cut weight_budget=40000] [--runs FOLDER] [--jobs 2]

The small ``deepspeech_gru`` on mini LibriSpeech. Stage 1 trains all its matrices in full with a penalty of a
given strength: the trace norm of full-rank factors, or the L2 norm of the dense matrix, its control. After
each number of epochs of ``--epochs`` the model is cut by ``speechsrt compress``, both to as many weights, and
trained on up to ``--total`` epochs. ``results/switch`` keeps error rates, ranks and weights of each; what is
there already is skipped. ``scripts/draw_study.py switch`` draws them.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMON = ["model=deepspeech_gru_small", "data=librispeech_mini", "optim.weight_decay=0", "schedule=constant"]
FACTORS = "pointwise.rate=0.3"  # at the full rate factors learn worse than what they stand for
PENALTIES = {
    "trace_norm": ["pointwise=low_rank", "pointwise.rank_ratio=1.0", FACTORS],
    "l2": ["pointwise=learned"],
}
ON_WITH = ["pointwise=low_rank", FACTORS, "schedule=warmup_cosine", "schedule.warmup_steps=0"]


@dataclass(frozen=True)
class Course:
    """A first stage, and the second stages that leave it."""

    penalty: str
    strength: float
    total: int
    cut: str
    runs: Path

    @property
    def name(self) -> str:
        """Name of the first stage's folder."""
        return f"{self.penalty}_{self.strength:g}"

    def named(self, epoch: int) -> str:
        """Return the name of a second stage's folder and result."""
        return f"{self.name}-{epoch}of{self.total}"


def speechsrt(*words: str, log: Path) -> None:
    """Run a command line with one thread; what it says goes to a file."""
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with log.open("a") as file:
        command = [sys.executable, "-m", "speechsrt.cli", *words]
        subprocess.run(command, stdout=file, stderr=file, check=True, env=environment)


def follow(course: Course, epochs: list[int]) -> None:
    """Train a first stage from switch to switch, and the second stage of each."""
    course.runs.mkdir(parents=True, exist_ok=True)
    first, log = course.runs / course.name, course.runs / f"{course.name}.log"
    for epoch in epochs:
        result = ROOT / "results" / "switch" / f"{course.named(epoch)}.json"
        if result.is_file():
            continue
        penalised = [*COMMON, *PENALTIES[course.penalty], f"pointwise.{course.penalty}={course.strength}"]
        begun = (first / "checkpoints" / "last.ckpt").is_file()
        how = [f"resume={first}"] if begun else [*penalised, f"run_dir={first}"]
        speechsrt("train", *how, f"trainer.max_epochs={epoch}", log=log)
        second = course.runs / course.named(epoch)
        rest = [f"trainer.max_epochs={course.total - epoch}", f"run_dir={second}"]
        last = first / "checkpoints" / "last.ckpt"
        speechsrt("compress", f"checkpoint={last}", *ON_WITH, course.cut, *rest, log=log)
        keep(result, course, epoch, second)
        print(f"{course.named(epoch)}: done", flush=True)


def keep(result: Path, course: Course, epoch: int, second: Path) -> None:
    """Write what a switch has led to."""
    from speechsrt.training.history import read_history

    metrics = json.loads((second / "metrics.json").read_text())
    stage1 = read_history(course.runs / course.name / "metrics.csv")[:epoch]
    stage2 = read_history(second / "metrics.csv")
    layers = json.loads((second / "projection.json").read_text())
    told: dict[str, Any] = {
        "penalty": course.penalty,
        "strength": course.strength,
        "epoch": epoch,
        "total": course.total,
        "cut": course.cut,
        "val_cer_stage1": [float(row["val_cer"]) for row in stage1],
        "val_cer_stage2": [float(row["val_cer"]) for row in stage2],
        "ranks": {layer["name"]: layer["settings"]["rank"] for layer in layers},
        "errors": {layer["name"]: layer["error"] for layer in layers},
    }
    told |= {key: metrics[key] for key in ("cer", "wer", "trained_weights", "split_hash", "seed", "commit")}
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run what is missing, the penalties side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--trace-norm", type=float, default=0.01, help="strength of the one penalty")
    parser.add_argument("--l2", type=float, default=0.01, help="strength of the other")
    parser.add_argument("--epochs", default="1,2,4", help="numbers of epochs before the switch")
    parser.add_argument("--total", type=int, default=6, help="epochs of both stages together")
    parser.add_argument("--cut", default="weight_budget=40000", help="how far the matrices are cut")
    parser.add_argument("--runs", type=Path, default=Path("runs/switch"), help="where the run folders go")
    parser.add_argument("--jobs", type=int, default=2, help="penalties side by side, a thread each")
    typed = parser.parse_args()
    epochs = sorted(map(int, typed.epochs.split(",")))
    courses = [
        Course(penalty, getattr(typed, penalty), typed.total, typed.cut, typed.runs) for penalty in PENALTIES
    ]
    with ThreadPoolExecutor(typed.jobs) as pool:
        for done in [pool.submit(follow, course, epochs) for course in courses]:
            done.result()


if __name__ == "__main__":
    main()
