"""How early training may switch from a penalised full matrix to a truncated one (arXiv 1710.09026).

usage: python scripts/switch.py [--epochs 1,2,4,8] [--total 12] [--explained 0.9] [--runs FOLDER] [--jobs 2]

The small ``deepspeech_gru`` on mini LibriSpeech. Stage 1 trains all its matrices in full with a penalty: the
trace norm of full-rank factors, or the L2 norm of the dense matrix, its control. After each number of epochs
of ``--epochs`` the model is cut by ``speechsrt compress`` to the rank that holds the explained share of each
matrix's squares, and trained on up to ``--total`` epochs. ``results/switch/PENALTY-EPOCH.json`` keeps error
rates, ranks and weights; what is there already is skipped. ``scripts/draw_study.py switch`` draws them.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMON = ["model=deepspeech_gru_small", "data=librispeech_mini", "optim.weight_decay=0", "schedule=constant"]
PENALTIES = {
    "trace_norm": ["pointwise=low_rank", "pointwise.rank_ratio=1.0", "pointwise.trace_norm=0.1"],
    "l2": ["pointwise=learned", "pointwise.l2=0.1"],
}
ON_WITH = ["schedule=warmup_cosine", "schedule.warmup_steps=0"]


def speechsrt(*words: str, log: Path) -> None:
    """Run a command line with one thread; what it says goes to a file."""
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with log.open("a") as file:
        command = [sys.executable, "-m", "speechsrt.cli", *words]
        subprocess.run(command, stdout=file, stderr=file, check=True, env=environment)


def follow(penalty: str, epochs: list[int], total: int, explained: float, runs: Path) -> None:
    """Train the first stage of a penalty from switch to switch, and the second stage of each."""
    first = runs / penalty
    runs.mkdir(parents=True, exist_ok=True)
    for epoch in epochs:
        result = ROOT / "results" / "switch" / f"{penalty}-{epoch}.json"
        if result.is_file():
            continue
        log = runs / f"{penalty}.log"
        begun = (first / "checkpoints" / "last.ckpt").is_file()
        how = [f"resume={first}"] if begun else [*COMMON, *PENALTIES[penalty], f"run_dir={first}"]
        speechsrt("train", *how, f"trainer.max_epochs={epoch}", log=log)
        second = runs / f"{penalty}-{epoch}"
        cut = ["pointwise=low_rank", f"pointwise.explained_variance={explained}"]
        rest = [f"trainer.max_epochs={total - epoch}", f"run_dir={second}"]
        last = first / "checkpoints" / "last.ckpt"
        speechsrt("compress", f"checkpoint={last}", *cut, *ON_WITH, *rest, log=log)
        keep(result, penalty, epoch, first, second)
        print(f"{penalty}, switched after {epoch}: done", flush=True)


def keep(result: Path, penalty: str, epoch: int, first: Path, second: Path) -> None:
    """Write what a switch has led to."""
    from speechsrt.training.history import read_history

    metrics = json.loads((second / "metrics.json").read_text())
    before = read_history(first / "metrics.csv")[:epoch]
    course = [float(row["val_cer"]) for row in before + read_history(second / "metrics.csv")]
    layers = json.loads((second / "projection.json").read_text())
    told: dict[str, Any] = {
        "penalty": penalty,
        "epoch": epoch,
        "val_cer": course,
        "ranks": {layer["name"]: layer["settings"]["rank"] for layer in layers},
        "errors": {layer["name"]: layer["error"] for layer in layers},
    }
    told |= {key: metrics[key] for key in ("cer", "wer", "trained_weights", "split_hash", "seed", "commit")}
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Run what is missing, the penalties side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--epochs", default="1,2,4,8")
    parser.add_argument("--total", type=int, default=12)
    parser.add_argument("--explained", type=float, default=0.9)
    parser.add_argument("--runs", type=Path, default=Path("runs/switch"))
    parser.add_argument("--jobs", type=int, default=2)
    typed = parser.parse_args()
    epochs = sorted(map(int, typed.epochs.split(",")))
    with ThreadPoolExecutor(typed.jobs) as pool:
        done = [
            pool.submit(follow, penalty, epochs, typed.total, typed.explained, typed.runs)
            for penalty in PENALTIES
        ]
        for each in done:
            each.result()


if __name__ == "__main__":
    main()
