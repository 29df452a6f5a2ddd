"""A detector of a trained model: what is chosen, on what, and where it is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from speechsrt import config
from speechsrt.commands import calibrate
from speechsrt.export import package
from speechsrt.scoring.detector import THRESHOLDS

OUTCOME = {
    "said",
    "missed",
    "alarms",
    "hours",
    "miss_rate",
    "miss_interval",
    "alarms_an_hour",
    "alarms_interval",
}


@pytest.fixture(scope="session")
def calibrated(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("calibrated") / "run"
    typed = [f"checkpoint={trained}", f"run_dir={folder}", "false_alarms=1000"]
    return folder, calibrate.run(config.load(typed))


def test_the_folder_is_whole(calibrated: tuple[Path, dict[str, Any]]) -> None:
    folder, told = calibrated
    assert json.loads((folder / "detector.json").read_text()) == told
    for name in ("det.png", "reliability.png"):
        assert imread(folder / name).shape[0] > 300
    page = (folder / "detector.html").read_text()
    assert f"{told['operating']['threshold']:.4f}" in page
    assert set(told["validation"]) == set(told["test"]["clean"]) == OUTCOME
    assert (told["validation"]["said"], told["test"]["clean"]["said"]) == (3, 2)
    assert set(told["test"]) == {"clean"}, "a corpus without noise"


def test_the_package_holds_the_operating_point_and_all_it_held(
    calibrated: tuple[Path, dict[str, Any]], trained: Path
) -> None:
    folder, told = calibrated
    model = package.load_keywords(folder)
    assert model.operating is not None
    assert model.operating.threshold == told["operating"]["threshold"]
    assert model.operating.temperature == told["operating"]["temperature"] != 1.0
    assert package.about(folder)["metrics"] == package.about(trained)["metrics"]
    assert package.about(folder)["detector"] == told


def test_no_alarms_wanted_are_none_on_the_validation_track(trained: Path, tmp_path: Path) -> None:
    typed = [f"checkpoint={trained}", f"run_dir={tmp_path / 'run'}", "false_alarms=0"]
    told = calibrate.run(config.load(typed))
    highest = THRESHOLDS[-1]
    assert told["validation"]["alarms"] == 0 or told["operating"]["threshold"] == highest


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ([], "checkpoint=: name a run folder, a .ckpt or a model.safetensors to calibrate"),
        (["checkpoint={run}", "run_dir={run}"], "run_dir={run}: already holds a run"),
        (["checkpoint={run}", "test_speech=/none"], "test_speech=/none: there is no such folder"),
        (["checkpoint={run}", "false_alarms=-1"], "false_alarms=-1"),
        (["checkpoint={run}", "threshold=0.5"], "threshold: calibrate does not use it; it goes with spot"),
    ],
)
def test_mistakes(refused: Callable[..., str], trained: Path, typed: list[str], message: str) -> None:
    line = refused("calibrate", *(word.format(run=trained) for word in typed))
    assert line.startswith(message.format(run=trained))
