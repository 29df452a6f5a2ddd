"""Write tests/golden/curve.csv: losses of short runs on generated tones, which no change of style may move.

usage: python scripts/golden_curve.py        run it again only where a change is meant to change results
"""

import csv
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
COLUMNS: tuple[str, ...] = ("epoch", "train_loss", "val_loss")
OVERRIDES = {
    "learned": [],
    "ternary": ["pointwise=ternary", "pointwise.where=[block,prologue,epilogue]", "augment=noisy"],
    "low_rank": ["pointwise=low_rank", "pointwise.rank=2", "model.residual=identity"],
}


def curve(folder: Path, overrides: list[str]) -> list[dict[str, str]]:
    """Train on tones below `folder` and return the columns of the run's ``metrics.csv``."""
    sys.path.insert(0, str(ROOT / "tests"))
    from tones import TINY, write_tones

    from speechsrt import config
    from speechsrt.commands import train
    from speechsrt.training.history import read_history

    root = folder / "words"
    if not root.exists():
        write_tones(root, {"low": 300.0, "high": 2000.0})
    run = folder / "run"
    train.run(config.load([*TINY, f"data.root={root}", f"run_dir={run}", *overrides]))
    return [{name: row[name] for name in COLUMNS} for row in read_history(run / "metrics.csv")]


def main() -> None:
    """Write the file."""
    with (ROOT / "tests/golden/curve.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("name", *COLUMNS), lineterminator="\n")
        writer.writeheader()
        for name, overrides in OVERRIDES.items():
            with tempfile.TemporaryDirectory() as folder:
                writer.writerows({"name": name} | row for row in curve(Path(folder), overrides))


if __name__ == "__main__":
    main()
