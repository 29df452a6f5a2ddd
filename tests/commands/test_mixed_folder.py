"""A folder as people have it: every format and rate, names of any script, and files that are no sound."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from speechsrt.cli import main
from speechsrt.export import package

KINDS: list[tuple[str, int, int, str | None]] = [
    ("mp3", 8000, 1, None),
    ("flac", 44100, 2, None),
    ("opus", 48000, 1, "OPUS"),
    ("wav", 16000, 1, None),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two words of eight clips each, an empty file, and a text that is called a sound."""
    draws = np.random.default_rng(0)
    root = tmp_path / "мои слова"
    for word, pitch in (("lights on", 400), ("свет 灯", 1500)):
        (root / word).mkdir(parents=True)
        for number in range(8):
            suffix, rate, channels, coding = KINDS[number % len(KINDS)]
            time = np.arange(round(0.4 * rate)) / rate
            tone = 0.3 * np.sin(2 * np.pi * pitch * time) + 0.01 * draws.standard_normal(len(time))
            kind: dict[str, Any] = {"format": "OGG", "subtype": coding} if coding else {}
            path = root / word / f"клип {number}.{suffix}"
            soundfile.write(str(path), np.repeat(tone[:, None], channels, 1), rate, **kind)
    (root / "lights on" / "empty.wav").touch()
    (root / "свет 灯" / "letter.wav").write_text("Dear Anna, the lamp")
    return root


def test_it_trains_and_tells_what_it_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = [
        "trainer.max_epochs=1",
        "batch_size=8",
        "model.channels=8",
        "model.wide=8",
        "data.clip_seconds=0.5",
    ]
    main(["train", "data=keyword_folder", f"data.root={folder}", f"run_dir={tmp_path / 'run'}", *tiny])
    told = " ".join(capsys.readouterr().err.split())
    assert "2 files left out:" in told
    assert "empty.wav: is empty (0 bytes)" in told
    assert "letter.wav: is not a sound file that libsndfile reads" in told
    assert package.load_keywords(tmp_path / "run").labels == ("lights on", "свет 灯")
