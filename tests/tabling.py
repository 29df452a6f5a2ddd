"""A table of two rows on words made of tones, and runs of it that are there at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from speechsrt import config
from speechsrt.commands.processes import Processes
from speechsrt.commands.table_results import Result, result_of, write_result
from speechsrt.commands.table_rows import Run, named, recipe_hash
from speechsrt.config import files

TINY = "trainer.max_epochs=1, batch_size=8, model.channels=8, model.wide=8, data.clip_seconds=0.3"
TEXT = """
name: {name}
about: Two words, made of tones.
hours: 0.01
common: [data=keyword_folder, 'data.root={root}', {tiny}]
seeds: [0, 1]
columns: [validation, accuracy, trained_weights, operations, depth, published]
compare: [[ternary, learned]]
rows:
  learned: {{label: all learned, depth: 3, overrides: []}}
  ternary: {{label: all ternary, depth: 3, overrides: ["${{table.shorthand.ternary}}"]}}
  others:
    label: of others
    published: {{accuracy: 0.9721, half: 0.0007, trained_weights: 77214, source: a paper}}
shorthand:
  ternary: [pointwise=ternary, "pointwise.where=['*']"]
"""


def chosen(name: str = "tones", *typed: str) -> Any:
    return config.load([f"table={name}", *typed])


def write_run(place: Path, seed: int, wrong: tuple[int, ...] = (1,)) -> None:
    place.mkdir(parents=True, exist_ok=True)
    metrics = {
        "task": "keyword",
        "data": "keyword_folder",
        "split": "test",
        "split_hash": "abc",
        "seed": seed,
    }
    metrics |= {"utterances": 4, "epochs": 2, "best_epoch": 2, "train_seconds": 60.0, "commit": "c0ffee"}
    metrics |= {"trained_weights": 100, "stored_bits": 3200, "total_weights": 100}
    metrics |= {"multiplications_per_second": 1000, "additions_per_second": 3000}
    metrics |= {"accuracy": 1 - len(wrong) / 4, "accuracy_interval": [0.3, 0.95]}
    (place / "metrics.json").write_text(json.dumps(metrics))
    (place / "config.yaml").write_text("trainer: {accelerator: cpu}\n")
    (place / "metrics.csv").write_text("epoch,step,val_accuracy\n0,1,0.5\n1,2,0.75\n")
    rows = "".join(f"{n}.wav,a,b,0.9,{int(n in wrong)},1\n" for n in range(4))
    (place / "predictions.csv").write_text(f"utterance,said,heard,probability,errors,words\n{rows}")


def keep(run: Run, folder: Path, output: Path) -> Result:
    return write_result(run, result_of(run, folder), output)


def write_tones_table(folder: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a table ``tones`` into a folder of own options; return the folder of its tables."""
    own = folder / "own options"
    (own / "table").mkdir(parents=True)
    monkeypatch.setenv(files.OWN, str(own))
    (own / "table/tones.yaml").write_text(TEXT.format(name="tones", root=root, tiny=TINY))
    named.cache_clear()
    recipe_hash.cache_clear()
    return own / "table"


def pretend(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Have runs write what they would at once; return a list that gets their command lines."""
    lines: list[list[str]] = []

    def run(_: Processes, command: list[str], *_how: Any) -> int:
        words = command[4:]
        lines.append(words)
        place = Path(
            next(word.partition("=")[2] for word in words if word.startswith(("run_dir=", "resume=")))
        )
        write_run(place, seed=int(next((w[5:] for w in words if w.startswith("seed=")), 0)))
        return 0

    monkeypatch.setattr(Processes, "run", run)
    return lines
