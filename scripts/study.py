"""Run the missing rows of a study of ``scripts/studies.yaml`` and keep each result below ``results/``.

usage: python scripts/study.py NAME [--jobs 2] [--runs runs/studies] [--only ROW,ROW] [--seeds 0,1]
                                [--leading] [--dry]

A row is a ``speechsrt train`` command, run once for each seed in ``RUNS/NAME/ROW-sSEED``; what has been
scored is skipped, what was killed goes on where it was. ``results/NAME/ROW-sSEED.json`` holds the metrics of
the test split beside the validation score that chose the epoch. ``scripts/draw_study.py NAME`` draws them.
"""

import argparse
import itertools
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

ROOT = Path(__file__).parents[1]
KEPT = (
    "data",
    "split",
    "split_hash",
    "seed",
    "utterances",
    "epochs",
    "train_seconds",
    "trained_weights",
    "total_weights",
    "stored_bits",
    "multiplications_per_second",
    "additions_per_second",
    "accuracy",
    "accuracy_interval",
    "false_rejects",
    "wer",
    "cer",
    "commit",
)


@dataclass(frozen=True)
class Run:
    """One row with one seed."""

    study: str
    row: str
    seed: int
    about: dict[str, Any]
    overrides: list[str]

    @property
    def name(self) -> str:
        """Name of its folder and of its result."""
        return f"{self.row}-s{self.seed}"

    @property
    def result(self) -> Path:
        """Where its result is kept."""
        return ROOT / "results" / self.study / f"{self.name}.json"


def study_of(name: str) -> dict[str, Any]:
    """Return a study as plain values."""
    studies = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_name("studies.yaml")), resolve=True)
    assert isinstance(studies, dict)
    if not isinstance(studies.get(name), dict):
        known = [str(key) for key, value in studies.items() if isinstance(value, dict)]
        sys.exit(f"{name}: no such study; choose from {', '.join(known)}")
    return studies[name]


def rows_of(study: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the rows of a study: those it lists, and every combination of its grid."""
    rows, grid = dict(study.get("rows", {})), study.get("grid", {})
    for values in itertools.product(*grid.values()) if grid else ():
        overrides = [f"{key}={value}" for key, value in zip(grid, values, strict=True)]
        about = {key.rpartition(".")[2]: value for key, value in zip(grid, values, strict=True)}
        rows["_".join(map(str, values))] = {"overrides": overrides, **about}
    return rows


def runs_of(name: str, leading: bool) -> Iterator[Run]:
    """Return the runs of a study, all rows with the first seed before any with the next."""
    study = study_of(name)
    rows = rows_of(study)
    for seed in [*study["seeds"], *(study.get("leading", []) if leading else [])]:
        for row, about in rows.items():
            if seed in study["seeds"] or about.get("leading"):
                yield Run(name, row, seed, about, list(_flat([*study["common"], *about["overrides"]])))


def _flat(overrides: list[Any]) -> Iterator[str]:
    """Return overrides one by one; an entry may be a list of them, named at the end of the file."""
    for entry in overrides:
        yield from entry if isinstance(entry, list) else [entry]


def execute(run: Run, folder: Path) -> None:
    """Train, or go on with, one run; keep its result."""
    place = folder / run.study / run.name
    told = place.with_name(f"{run.name}.log")
    place.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "speechsrt.cli", "train"]
    begun = (place / "checkpoints" / "last.ckpt").is_file()
    command += [f"resume={place}"] if begun else [*run.overrides, f"seed={run.seed}", f"run_dir={place}"]
    if not (place / "metrics.json").is_file():
        with told.open("a") as log:
            done = subprocess.run(command, stdout=log, stderr=log, check=False, env=_environment())
        if done.returncode:
            print(f"{run.name}: exit code {done.returncode}, see {told}", flush=True)
            return
    keep(run, place)
    print(f"{run.name}: done", flush=True)


def keep(run: Run, place: Path) -> None:
    """Write a run's result from its folder."""
    from speechsrt.training.history import read_history

    metrics = json.loads((place / "metrics.json").read_text())
    result = {key: metrics[key] for key in KEPT if key in metrics}
    history = read_history(place / "metrics.csv")
    chosen = {
        name: [float(row[name]) for row in history if row.get(name)] for name in ("val_accuracy", "val_cer")
    }
    result |= {"history": {name: values for name, values in chosen.items() if values}}
    about = {key: value for key, value in run.about.items() if key != "overrides"}
    result |= {
        "row": run.row,
        **about,
        "command": shlex.join(["speechsrt", "train", *run.overrides, f"seed={run.seed}"]),
    }
    run.result.parent.mkdir(parents=True, exist_ok=True)
    run.result.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side, a thread each")
    parser.add_argument("--runs", type=Path, default=Path("runs/studies"), help="where the run folders go")
    parser.add_argument("--only", default="", help="rows, with commas between")
    parser.add_argument("--seeds", default="", help="seeds, with commas between")
    parser.add_argument("--leading", action="store_true", help="more seeds for the rows marked as leading")
    parser.add_argument("--dry", action="store_true", help="list what is missing")
    typed = parser.parse_args()
    only, seeds = (set(filter(None, text.split(","))) for text in (typed.only, typed.seeds))
    missing = [
        run
        for run in runs_of(typed.study, typed.leading)
        if not run.result.is_file()
        and (not only or run.row in only)
        and (not seeds or str(run.seed) in seeds)
    ]
    print(f"{typed.study}: {len(missing)} runs missing", flush=True)
    if typed.dry:
        print("\n".join(f"{run.name}: {shlex.join(run.overrides)}" for run in missing))
        return
    with ThreadPoolExecutor(typed.jobs) as pool:
        list(pool.map(lambda run: execute(run, typed.runs), missing))


if __name__ == "__main__":
    main()
