"""Generated corpora: tiny sound files in the layouts the corpora expect."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

WriteSound = Callable[..., Path]


@pytest.fixture
def write_sound() -> WriteSound:
    def write(path: Path, seconds: float = 0.25, rate: int = 16000, channels: int = 1) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(round(seconds * rate)) / rate
        wave = 0.3 * np.sin(2 * np.pi * 440 * time)
        soundfile.write(str(path), np.repeat(wave[:, None], channels, axis=1), rate)
        return path

    return write


@pytest.fixture
def make_speech_commands(write_sound: WriteSound) -> Callable[..., Path]:
    """A small v0.01 or v0.02 folder; of every ten clips of a word one is for validation and one for test."""

    def make(
        root: Path, counts: Mapping[str, int], noise_seconds: float = 20.0, version: str = "0.01"
    ) -> Path:
        folder = root / "SpeechCommands" / f"speech_commands_v{version}"
        lists: dict[str, list[str]] = {"validation": [], "testing": []}
        for word, count in counts.items():
            for index in range(count):
                name = f"{word}/{index:04x}_nohash_{index % 2}.wav"
                write_sound(folder / name)
                if index % 10 in (0, 1):
                    lists["validation" if index % 10 == 0 else "testing"].append(name)
        for split, names in lists.items():
            (folder / f"{split}_list.txt").write_text("\n".join(names) + "\n")
        if noise_seconds:
            write_sound(folder / "_background_noise_" / "hum.wav", noise_seconds)
            (folder / "_background_noise_" / "README.md").write_text("noise")
        return folder

    return make


@pytest.fixture
def settings() -> Callable[..., dict[str, Any]]:
    """The settings a YAML of conf/data gives its corpus, with some of them changed."""

    def load(name: str, **changes: object) -> dict[str, Any]:
        conf = OmegaConf.load(Path(__file__).parents[2] / "conf" / "data" / f"{name}.yaml")
        values = OmegaConf.to_container(conf)
        assert isinstance(values, dict)
        values.pop("_target_")
        return {str(key): value for key, value in values.items()} | changes

    return load
