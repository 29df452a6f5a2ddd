"""Spotting in files: what is printed, what is left out, and that it is what the model itself finds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechsrt import config
from speechsrt.audio.files import read
from speechsrt.commands import spot
from speechsrt.decoding.spotting import Operating
from speechsrt.export import package

LOW = ["threshold=0.01", "refractory_seconds=0.3"]


@pytest.fixture(scope="session")
def sounds(words_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sound of two seconds, its copy in two channels at another rate, and no sound."""
    folder = tmp_path_factory.mktemp("sounds") / "some sounds"
    folder.mkdir()
    clips = [read(path, 16000) for path in sorted(words_folder.rglob("*.wav"))[:6]]
    sound = np.concatenate(clips)
    soundfile.write(folder / "a.wav", sound, 16000)
    double = np.repeat(sound, 2)
    soundfile.write(folder / "b.flac", np.stack([double, double], 1), 32000)
    (folder / "c.wav").write_text("no sound")
    return folder


def spotted(*typed: str) -> list[dict[str, object]]:
    return spot.run(config.load(list(typed)))


def test_lines_are_what_the_model_finds(
    trained: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = spotted(f"checkpoint={trained}", f"input={sounds / 'a.wav'}", *LOW)
    shown = capsys.readouterr()
    assert [json.loads(line) for line in shown.out.splitlines()] == found != []
    assert " s of sound in " in shown.err
    model = package.load_keywords(trained)
    how = Operating(threshold=0.01, refractory_seconds=0.3)
    expected = model.spot(read(sounds / "a.wav", 16000), 16000, how)
    assert [(d.word, round(d.end, 3), round(d.score, 4)) for d in expected] == [
        (line["word"], line["end"], line["score"]) for line in found
    ]
    assert all(0 <= d.start < d.end for d in expected)


def test_of_a_folder_what_is_no_sound_is_left_out(
    trained: Path, sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = spotted(f"checkpoint={trained}", f"input={sounds}", *LOW)
    assert {Path(str(line["file"])).name for line in found} == {"a.wav", "b.flac"}
    told = " ".join(capsys.readouterr().err.split())
    assert "1 files left out" in told
    assert "c.wav: is not a sound file that libsndfile reads" in told


def test_what_is_stored_with_the_model_is_used_unless_typed(
    trained: Path, sounds: Path, tmp_path: Path
) -> None:
    model = package.load_keywords(trained)
    model.operating = Operating(threshold=1.0, step_seconds=0.05, temperature=0.9)
    package.save(model, tmp_path / "stored.safetensors")
    again = package.load_keywords(tmp_path / "stored.safetensors")
    assert again.operating == model.operating
    where = [f"checkpoint={tmp_path / 'stored.safetensors'}", f"input={sounds / 'a.wav'}"]
    assert spotted(*where) == []
    found = spotted(*where, "threshold=0.01", "refractory_seconds=0.25")
    ends = [float(str(line["end"])) for line in found]
    assert any(round(end / 0.05) % 2 for end in ends), "windows lie a stored step apart"


def test_a_sound_shorter_than_a_clip(trained: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(100, 0.1), 16000)
    found = spotted(f"checkpoint={trained}", f"input={tmp_path / 'short.wav'}", *LOW)
    assert [line["start"] for line in found[:1]] == [0]


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["input=x"], "checkpoint=: name a run folder, a .ckpt or a model.safetensors"),
        (["checkpoint={run}"], "input=: name a sound file, a folder of them or mic"),
        (["checkpoint={run}", "input=/none"], "input=/none: there is no such file or folder"),
        (["checkpoint={run}", "input={run}", "threshold=0"], "threshold=0: choose above 0 and at most 1"),
        (
            ["checkpoint={run}", "input={run}", "step_seconds=0.001"],
            "step_seconds=0.001: a frame comes every",
        ),
        (["checkpoint={run}", "input={empty}"], "input={empty}: holds no sound that can be read"),
        (["checkpoint={run}", "input={run}/config.yaml"], "{run}/config.yaml: is not a sound file that"),
        (["checkpoint={run}", "input={run}", "data=synthetic"], "data: spot does not use it; write input="),
    ],
)
def test_mistakes(
    refused: Callable[..., str], trained: Path, tmp_path: Path, typed: list[str], message: str
) -> None:
    places = {"run": trained, "empty": tmp_path}
    line = refused("spot", *(word.format(**places) for word in typed))
    assert line.startswith(message.format(**places))
