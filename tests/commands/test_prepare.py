"""A corpus prepared: manifests that can be read back, and every file left out in a list."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from speechsrt.cli import main
from speechsrt.corpora.manifest import SPLITS, read_manifest

Refused = Callable[..., str]


def test_manifests_and_rejected_files(
    words_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(words_folder, tmp_path / "words")
    (tmp_path / "words/low/notes.txt").write_text("hello")
    main(["prepare", "data=keyword_folder", f"data.root={tmp_path}/words", f"data_root={tmp_path}/out"])
    folder = tmp_path / "out/manifests/keyword_folder"
    assert sum(len(read_manifest(folder / f"{split}.json")) for split in SPLITS) == 20
    assert (folder / "rejected.txt").read_text().startswith(f"{tmp_path}/words/low/notes.txt\t")
    shown = capsys.readouterr()
    assert "classes: high, low" in shown.out
    assert "1 files left out:" in shown.err


def test_a_place_that_cannot_be_written(refused: Refused, words_folder: Path) -> None:
    line = refused("prepare", "data=keyword_folder", f"data.root={words_folder}", "data_root=/proc/nowhere")
    assert line.startswith("data_root=/proc/nowhere: ")
    assert line.endswith("choose a folder that can be written to")


def test_a_place_that_synthesis_cannot_write(refused: Refused) -> None:
    assert "cannot be written" in refused("prepare", "data_root=/proc/nowhere")


def test_a_corpus_folder_that_is_not_there(refused: Refused) -> None:
    assert "there is no such folder" in refused("prepare", "data=keyword_folder", "data.root=/nowhere")
