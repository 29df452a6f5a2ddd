"""What all tests share: a small folder of own words, made of tones, and short runs on it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tones import TINY, write_tones


@pytest.fixture(scope="session")
def words_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two words, ten clips each."""
    return write_tones(tmp_path_factory.mktemp("own") / "words", {"low": 300.0, "high": 2000.0})


@pytest.fixture
def train(words_folder: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Train a tiny network on the tones; arguments are overrides, `run_dir` a name in the test's folder."""
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
