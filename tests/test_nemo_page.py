"""The commands of docs/nemo.md run, in their order, on the golden files and small corpora."""

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from nemo_files import MATCHBOXNET, QUARTZNET
from spelling import spoken, write_spelling
from tones import write_tones

from speechsrt.cli import main

PAGE = Path(__file__).parent.parent / "docs" / "nemo.md"
SHRINK = ["trainer.max_epochs=1", "augment=none"]


def commands() -> list[list[str]]:
    lines = re.findall(r"^speechsrt (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(QUARTZNET, tmp_path / "quartznet.nemo")
    shutil.copy(MATCHBOXNET, tmp_path / "matchboxnet.nemo")
    write_tones(tmp_path / "recordings", {"yes": 300.0, "no": 2000.0}, seconds=1.0)
    write_spelling(tmp_path, 30).rename(tmp_path / "talks.json")
    soundfile.write(tmp_path / "talk.flac", spoken("abc da", np.random.default_rng(0)), 16000)
    monkeypatch.chdir(tmp_path)
    found = commands()
    assert {command[0] for command in found} == {
        "import_nemo",
        "transcribe",
        "evaluate",
        "train",
        "prepare",
    }
    for command in found:
        main([*command, *SHRINK] if command[0] == "train" else command)
    assert (tmp_path / "DATA/manifests/manifest/train.json").is_file()
