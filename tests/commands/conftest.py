"""What the tests of the verbs share: a command line that is refused, and a trained run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projecting import compressed
from spelling import fitted, write_spelling
from tabling import pretend, write_tones_table

from speechsrt import config
from speechsrt.cli import main
from speechsrt.commands import compress, train

Refused = Callable[..., str]
TINY = [
    "data=keyword_folder",
    "trainer.max_epochs=1",
    "batch_size=8",
    "model.channels=8",
    "model.wide=8",
    "data.clip_seconds=0.3",
]


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Refused:
    """Run a command line that must end with exit code 2 and one line on stderr; return that line."""

    def run(*typed: str) -> str:
        with pytest.raises(SystemExit) as end:
            main(typed)
        shown = capsys.readouterr()
        assert end.value.code == 2
        assert shown.out == ""
        lines = shown.err.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith("speechsrt: ")
        return lines[0].removeprefix("speechsrt: ")

    return run


@pytest.fixture
def refused_training(refused: Refused, words_folder: Path, tmp_path: Path) -> Refused:
    """Refuse a training on the tones, which must leave no run folder behind."""

    def run(*overrides: str) -> str:
        places = [f"data.root={words_folder}", f"run_dir={tmp_path / 'refused'}"]
        line = refused("train", *TINY, *places, *overrides)
        assert not (tmp_path / "refused").exists()
        return line

    return run


@pytest.fixture(scope="session")
def trained(words_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of one epoch on the tones."""
    folder = tmp_path_factory.mktemp("runs") / "trained"
    train.run(config.load([*TINY, f"data.root={words_folder}", f"run_dir={folder}"]))
    return folder


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Project, and return the configuration of the training that would follow."""
    monkeypatch.setattr(train, "run", lambda settings: settings)
    monkeypatch.setattr(compress, "draw_cut", lambda *_: b"")  # takes longer than all the rest

    def run(checkpoint: Path, *typed: str) -> dict[str, Any]:
        return compressed(checkpoint, tmp_path / f"planned-{len(list(tmp_path.iterdir()))}", *typed)

    return run


@pytest.fixture(scope="session")
def spelling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest of 200 utterances of nine speakers."""
    return write_spelling(tmp_path_factory.mktemp("spelling"), 200)


@pytest.fixture(scope="session")
def recogniser(spelling: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a network that has learned to spell."""
    folder = tmp_path_factory.mktemp("runs") / "spelling"
    fitted(spelling, folder, "trainer.max_epochs=40")
    return folder


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words_folder: Path) -> Path:
    """A folder of own tables, with one, ``tones``."""
    monkeypatch.chdir(tmp_path)
    return write_tones_table(tmp_path, words_folder, monkeypatch)


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Runs that write what a run would, at once; returns their command lines."""
    return pretend(monkeypatch)
