"""What all tests share: a small folder of own words, made of tones, and short runs on it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

TINY = [
    "data=keyword_folder",
    "trainer.max_epochs=3",
    "batch_size=8",
    "model.channels=8",
    "model.wide=8",
    "data.clip_seconds=0.3",
]


def write_tones(root: Path, words: dict[str, float], clips: int = 10, seconds: float = 0.3) -> Path:
    """Write `clips` noisy tones a word, each of about the word's frequency."""
    rng = np.random.default_rng(0)
    for word, frequency in words.items():
        (root / word).mkdir(parents=True)
        for number in range(clips):
            time = np.arange(round(seconds * 16000)) / 16000
            tone = 0.3 * np.sin(2 * np.pi * frequency * rng.uniform(0.9, 1.1) * time)
            soundfile.write(root / word / f"{number}.wav", tone + 0.02 * rng.standard_normal(len(time)), 16000)
    return root


@pytest.fixture(scope="session")
def words_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two words, ten clips each."""
    return write_tones(tmp_path_factory.mktemp("own") / "words", {"low": 300.0, "high": 2000.0})


@pytest.fixture
def train(words_folder: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Train a tiny network on the tones; arguments are overrides, `run_dir` a name below the test's folder."""
    from speechsrt import config
    from speechsrt.commands import train as command

    def run(*overrides: str, run_dir: str = "run") -> dict[str, Any]:
        place = [f"data.root={words_folder}", f"run_dir={tmp_path / run_dir}"]
        resuming = any(word.startswith("resume=") for word in overrides)
        return command.run(config.load([*(() if resuming else TINY), *place[resuming:], *overrides]))

    return run


@pytest.fixture
def real_speech() -> Path:
    """The folder of real corpora, where SPEECHSRT_DATA names one; else the test is skipped."""
    root = os.environ.get("SPEECHSRT_DATA")
    if not root or not (Path(root) / "SpeechCommands").is_dir():
        pytest.skip("SPEECHSRT_DATA names no folder with Speech Commands")
    return Path(root)
