"""What a table keeps of its runs: a small file each, which goes into the repository."""

import csv
import json
import platform
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from speechsrt.commands.table_rows import Run, Table, runs_of
from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically
from speechsrt.training.history import read_history

KEPT = (
    *("task", "data", "split", "split_hash", "snr", "utterances", "words", "epochs", "best_epoch"),
    *("train_seconds", "trained_weights", "total_weights", "stored_bits"),
    *("multiplications_per_second", "additions_per_second"),
    *("accuracy", "accuracy_interval", "macro_accuracy", "false_rejects", "wer", "wer_interval", "cer"),
)
"""What a result has of ``metrics.json``."""
VALIDATION = ("val_accuracy", "val_wer", "val_cer")
Result = dict[str, Any]


def found(run: Run, output: Path) -> Result | None:
    """Return the result of a run, None where there is none of its recipe."""
    path = run.result(output)
    if not path.is_file():
        return None
    result = read_result(path)
    return result if result.get("hash") == run.hash else None


def outdated(run: Run, output: Path) -> bool:
    """Say whether a result is there that another recipe has led to."""
    return run.result(output).is_file() and found(run, output) is None


def kept_anywhere(output: Path) -> dict[tuple[str, int], Result]:
    """Return the results of all tables by recipe and seed."""
    results = [read_result(path) for path in sorted(output.glob("*/*-s*.json"))]
    return {(result["hash"], result["seed"]): result for result in results if "hash" in result}


def results_of(table: Table, output: Path) -> dict[str, list[Result]]:
    """Return the results of each row that has some, in the order of the seeds."""
    rows: dict[str, list[Result]] = {}
    for run in runs_of(table):
        if (result := found(run, output)) is not None:
            rows.setdefault(run.row.name, []).append(result)
    return {name: rows[name] for name in table.rows if name in rows}


def read_result(path: Path) -> Result:
    """Return what a file keeps of a run.

    Raises:
        UserError: it holds something else.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        result = None
    if not isinstance(result, dict):
        raise UserError(f"{path}: is no result of a run; remove it, and the run is made anew")
    return result


def of_other_clips(rows: dict[str, list[Result]]) -> list[str]:
    """Return a line for every row whose seeds were not scored on the same clips: their mean means nothing."""
    told = []
    for name, results in rows.items():
        splits = {result.get("split_hash") for result in results}
        if len(splits) > 1:
            told.append(f"{name}: its seeds were scored on {len(splits)} different sets of clips")
    return told


def result_of(run: Run, folder: Path) -> Result:
    """Return the result of a finished run folder."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    result: Result = {"seed": run.seed, "hash": run.hash}
    result |= {"command": shlex.join(["speechsrt", *_typed(run)]), "commit": metrics["commit"]}
    result |= {"network": network_of(run)}
    result |= {"machine": machine(_accelerator(folder))}
    result |= {key: metrics[key] for key in KEPT if key in metrics}
    if run.row.verb == "evaluate":
        del result["train_seconds"]  # of the run that it begins with
    else:
        result["minutes"] = round(metrics["train_seconds"] / 60, 1)
    result |= _course(folder, metrics.get("best_epoch", 0))
    result |= _cut(folder / "projection.json")
    return result | _outcomes(folder / "predictions.csv")


def write_result(run: Run, result: Result, output: Path) -> Result:
    """Write the result of a run, under the name that its row has in its table; return it."""
    path = run.result(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    named = {"row": run.row.name} | {key: value for key, value in result.items() if key != "row"}
    write_atomically(path, (json.dumps(named, indent=1, ensure_ascii=False) + "\n").encode())
    return named


def network_of(run: Run) -> str:
    """Return the class of a run's network."""
    return run.model["_target_"].rpartition(".")[2]


def errors_of(result: Result) -> list[int]:
    """Return the errors in each utterance of a result's split, in the order of the split."""
    counts = [0] * result["utterances"]
    for pair in result["errors"].split():
        place, _, count = pair.partition(":")
        counts[int(place)] = int(count or 1)
    return counts


def words_of(result: Result) -> list[int]:
    """Return what there was to get wrong in each utterance: a word, or as many as were said."""
    return [int(n) for n in result["said"].split()] if "said" in result else [1] * result["utterances"]


def machine(accelerator: str) -> str:
    """Return the name of the processor, or of the GPU where the accelerator means that."""
    import torch

    if accelerator != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _accelerator(folder: Path) -> str:
    settings = OmegaConf.load(folder / "config.yaml")
    return str(OmegaConf.select(settings, "trainer.accelerator"))


def _typed(run: Run) -> Iterable[str]:
    """Return the command without the folder that only this machine has."""
    before = run.before
    for word in run.command(Path("RUNS")):
        yield (
            word if before is None else word.replace(str(before.folder(Path("RUNS"))), f"RUNS/{before.name}")
        )


def _course(folder: Path, best_epoch: int) -> Result:
    """Return the validation scores of all epochs, and those of the epoch that was chosen."""
    history = read_history(folder / "metrics.csv")
    course = {name: [round(float(row[name]), 6) for row in history if row.get(name)] for name in VALIDATION}
    known = {name: scores for name, scores in course.items() if scores}
    named = {"validation": next(iter(known.values()), []), "validation_cer": known.get("val_cer", [])}
    best = {name: scores[best_epoch - 1] for name, scores in named.items() if scores and best_epoch}
    return best | {
        "course": {name: " ".join(f"{score:g}" for score in scores) for name, scores in known.items()}
    }


def _cut(path: Path) -> Result:
    """Return the mean over the layers of how far ``compress`` put them from what they were."""
    if not path.is_file():
        return {}
    errors = [layer["error"] for layer in json.loads(path.read_text(encoding="utf-8"))]
    return {"cut_error": round(sum(errors) / len(errors), 4)}


def _outcomes(path: Path) -> Result:
    """Return the errors by utterance as text, ``PLACE:ERRORS`` where there are some, and what was said."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    errors = {number: int(row["errors"]) for number, row in enumerate(rows) if row["errors"] != "0"}
    told = {"errors": " ".join(f"{n}:{count}" if count > 1 else str(n) for n, count in errors.items())}
    if any(row["words"] != "1" for row in rows):
        told["said"] = " ".join(row["words"] for row in rows)
    return told
