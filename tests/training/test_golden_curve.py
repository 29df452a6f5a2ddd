"""Losses of short runs stay what they were, to rounding; and a run repeated gives the same bits."""

import csv
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
spec = importlib.util.spec_from_file_location("golden_curve", ROOT / "scripts" / "golden_curve.py")
assert spec is not None
assert spec.loader is not None
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)


@pytest.mark.parametrize("name", list(golden.OVERRIDES))
def test_losses_are_the_stored_ones(tmp_path: Path, name: str) -> None:
    with (ROOT / "tests/golden/curve.csv").open(encoding="utf-8") as file:
        stored = [row for row in csv.DictReader(file) if row["name"] == name]
    measured = golden.curve(tmp_path, golden.OVERRIDES[name])
    assert len(stored) == len(measured) == 3
    for before, now in zip(stored, measured, strict=True):
        for column in ("train_loss", "val_loss"):
            assert float(now[column]) == pytest.approx(float(before[column]), rel=2e-3)


@pytest.mark.slow
def test_a_run_repeated_gives_the_same_bits(tmp_path: Path) -> None:
    first = golden.curve(tmp_path / "a", golden.OVERRIDES["ternary"])
    (tmp_path / "b").mkdir()
    assert golden.curve(tmp_path / "b", golden.OVERRIDES["ternary"]) == first
    assert golden.curve(tmp_path / "c", [*golden.OVERRIDES["ternary"], "seed=1"]) != first
