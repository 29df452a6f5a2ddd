"""A model counted and timed, without any corpus."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from speechsrt import config
from speechsrt.commands import benchmark

Refused = Callable[..., str]
KEYS = {
    "trained_weights",
    "total_weights",
    "stored_bits",
    "multiplications_per_second",
    "additions_per_second",
    "layers",
    "milliseconds",
    "threads",
    "device",
    "commit",
}


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time a forward pass for as short as can be."""
    monkeypatch.setattr(benchmark, "SECONDS_A_SIZE", 0.0)
    monkeypatch.setattr(benchmark, "BATCH_SIZES", (1, 2))


@pytest.mark.usefixtures("brief")
def test_a_model_of_the_configuration(tmp_path: Path) -> None:
    typed = ["data=speech_commands_v1", "pointwise=ternary", f"data_root={tmp_path}/none"]
    result = benchmark.run(config.load([*typed, f"run_dir={tmp_path}/run"]))
    assert set(result) == KEYS
    assert json.loads((tmp_path / "run/benchmark.json").read_text()) == result
    assert set(result["milliseconds"]) == {"1", "2"}
    assert {"name", "role", "kind", "shape"} <= set(result["layers"][0])
    assert result["layers"][-1]["shape"] == [30, 128]


@pytest.mark.usefixtures("brief")
def test_a_recogniser_by_utterances_of_ten_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "BATCH_SIZES", (1, 33))
    small = ["model.channels=[16]", "model.kernels=[5]", "model.first=16", "model.wide=16", "model.last=32"]
    result = benchmark.run(config.load(["model=quartznet_small", *small, f"run_dir={tmp_path}/run"]))
    assert set(result["milliseconds"]) == {"1"}, "a batch of more than 320 s is not timed"
    assert result["layers"][-1]["shape"] == [29, 32]
    frames_a_second = 50
    assert result["layers"][-1]["multiplications"] == 29 * 32 * frames_a_second


@pytest.mark.usefixtures("brief")
def test_the_counts_of_a_trained_model_are_those_of_its_metrics(trained: Path, tmp_path: Path) -> None:
    result = benchmark.run(config.load([f"checkpoint={trained}", f"run_dir={tmp_path}/run"]))
    metrics = json.loads((trained / "metrics.json").read_text())
    counted = ["trained_weights", "total_weights", "stored_bits", "multiplications_per_second"]
    assert [result[key] for key in counted] == [metrics[key] for key in counted]


@pytest.mark.usefixtures("brief")
def test_two_runs_without_a_name_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        benchmark.run(config.load(["data=speech_commands_v1"]))
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_mistakes(refused: Refused, trained: Path, tmp_path: Path) -> None:
    place = f"run_dir={tmp_path}/run"
    assert "no such run folder" in refused("benchmark", "checkpoint=/nowhere", place)
    assert "already holds a run" in refused("benchmark", f"run_dir={trained}")
    assert "model.blocks=0: at least 1" in refused("benchmark", "model.blocks=0", place)
