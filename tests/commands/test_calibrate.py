"""A detector of a trained model: what is chosen, on what, and where it is kept."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from matplotlib.image import imread
from tones import TINY, write_tones

from speechsrt import config
from speechsrt.commands import calibrate, train
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


# --- with negatives, noise and other speech ---


OWN = ("data=keyword_folder",)


def noise(folder: Path, files: int = 2, seconds: float = 6.0) -> Path:
    folder.mkdir()
    draws = np.random.default_rng(1)
    for number in range(files):
        sound = 0.1 * draws.standard_normal(round(16000 * seconds))
        soundfile.write(folder / f"{number}.wav", sound, 16000)
    return folder


@pytest.fixture(scope="session")
def with_negatives(words_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the tones with both classes of negatives, ten times as many as of a word."""
    place = tmp_path_factory.mktemp("negatives")
    speech = write_tones(place / "speech", {"anna": 700.0, "bert": 900.0, "carl": 500.0}, clips=5)
    typed = [f"negatives.unknown=[{speech}]", f"negatives.noise=[{noise(place / 'noise')}]"]
    folder = place / "run"
    train.run(
        config.load([*TINY, f"data.root={words_folder}", *typed, "negatives.ratio=5", f"run_dir={folder}"])
    )
    return folder


def calibrated_with(folder: Path, *typed: str) -> dict[str, Any]:
    return calibrate.run(config.load([f"run_dir={folder}", "false_alarms=1000", *typed]))


def test_other_noise_keeps_the_negatives_of_training(with_negatives: Path, tmp_path: Path) -> None:
    checkpoint = f"checkpoint={with_negatives}"
    own = calibrated_with(tmp_path / "own", checkpoint)
    other = calibrated_with(
        tmp_path / "other", checkpoint, f"negatives.noise=[{noise(tmp_path / 'other_noise')}]"
    )
    assert set(own["test"]) == set(other["test"]) == {"clean", "20 dB", "10 dB", "5 dB", "0 dB"}
    assert other["validation"]["hours"] == pytest.approx(own["validation"]["hours"], rel=0.2)
    assert own["test"]["0 dB"]["said"] == own["test"]["clean"]["said"] == 2


def test_noise_for_a_model_without_that_class(trained: Path, tmp_path: Path) -> None:
    told = calibrated_with(
        tmp_path / "run", f"checkpoint={trained}", f"negatives.noise=[{noise(tmp_path / 'noise')}]"
    )
    assert "0 dB" in told["test"]
    assert package.load_keywords(tmp_path / "run").labels == ("high", "low")


def test_other_speech_lengthens_the_track_and_what_is_damaged_is_told(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    speech = noise(tmp_path / "speech", files=3)
    soundfile.write(speech / "nan.wav", np.full(1600, np.nan, np.float32), 16000, "FLOAT")
    (speech / "notes.txt").write_text("who speaks")
    alone = calibrated_with(tmp_path / "alone", f"checkpoint={trained}")
    capsys.readouterr()
    with_speech = calibrated_with(
        tmp_path / "run", f"checkpoint={trained}", f"validation_speech={speech}", f"test_speech={speech}"
    )
    shown = capsys.readouterr().err
    for split in (lambda told: told["validation"], lambda told: told["test"]["clean"]):
        longer = 3600 * (split(with_speech)["hours"] - split(alone)["hours"])
        assert 18 + 3 * 0.5 <= longer <= 18 + 5 * 3.0
    assert "nan.wav" in shown
    assert "notes.txt" in shown


def test_a_damaged_clip_of_ones_own_is_left_out_of_the_track_too(
    trained: Path, words_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "words"
    for split in ("train", "validation", "test"):
        write_tones(folder / split, {"low": 300.0, "high": 2000.0}, clips=3)
    bad = folder / "validation" / "low" / "0.wav"
    soundfile.write(bad, np.full(1600, np.nan, np.float32), 16000, "FLOAT")
    told = calibrated_with(tmp_path / "run", f"checkpoint={trained}", *OWN, f"data.root={folder}")
    assert told["validation"]["said"] == 5


def test_smoothing_and_rest_are_kept(trained: Path, tmp_path: Path) -> None:
    typed = ["smooth_seconds=0.5", "refractory_seconds=2", "step_seconds=0.104"]
    told = calibrated_with(tmp_path / "run", f"checkpoint={trained}", *typed)
    kept = package.load_keywords(tmp_path / "run").operating
    assert kept is not None
    assert (kept.smooth_seconds, kept.refractory_seconds) == (0.5, 2.0)
    assert kept.step_seconds == told["operating"]["step_seconds"] == pytest.approx(0.1), "whole frames"


def test_a_rate_that_no_threshold_gives_is_told(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("speechsrt.scoring.detector.THRESHOLDS", (0.01, 0.02))
    calibrated_with(tmp_path / "run", f"checkpoint={trained}", "false_alarms=0")
    assert "No threshold gives 0 false alarms an hour" in capsys.readouterr().err
    assert "No threshold gives 0 false alarms" in (tmp_path / "run" / "detector.html").read_text()


def test_words_that_the_model_does_not_know_are_told_before_anything_is_written(
    refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    other = write_tones(tmp_path / "other", {"low": 300.0, "four": 900.0})
    line = refused(
        "calibrate", f"checkpoint={trained}", *OWN, f"data.root={other}", f"run_dir={tmp_path / 'run'}"
    )
    assert line.startswith(
        "data=keyword_folder: the model does not know four; score it with data.words=[low]"
    )
    assert not (tmp_path / "run").exists()


def test_a_folder_without_speech_names_its_key(
    refused: Callable[..., str], trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    line = refused("calibrate", f"checkpoint={trained}", f"test_speech={tmp_path / 'empty'}")
    assert line == f"test_speech: {tmp_path / 'empty'} holds no sound that can be read"
