import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speechsrt.audio.files import UnreadableAudioError
from speechsrt.corpora.speech_commands import SpeechCommands
from speechsrt.errors import UserError

Make = Callable[..., Path]
Settings = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(("name", "count"), [("speech_commands_v1", 30), ("speech_commands_v2", 35)])
def test_the_classes_are_known_without_a_corpus(settings: Settings, tmp_path: Path, name: str, count: int):
    labels = SpeechCommands(**settings(name)).labels(tmp_path / "nowhere")
    assert len(labels) == count
    assert list(labels) == sorted(labels)
    assert {"yes", "no", "on", "off"} <= set(labels)


def test_the_lists_decide_the_splits(settings: Settings, make_speech_commands: Make, tmp_path: Path):
    words = settings("speech_commands_v1")["vocabulary"]
    make_speech_commands(tmp_path, dict.fromkeys(words, 10))
    contents = SpeechCommands(**settings("speech_commands_v1")).load(tmp_path)
    assert contents.labels == tuple(words)
    assert {split: len(clips) for split, clips in contents.splits.items()} == {
        "train": 240,
        "validation": 30,
        "test": 30,
    }
    assert {Path(clip.path).name[:4] for clip in contents.splits["validation"]} == {"0000"}
    clip = contents.splits["test"][0]
    assert (clip.label, clip.speaker, clip.duration, clip.offset) == ("bed", "0001", 0.25, 0.0)
    assert [len(contents.noise[split]) for split in ("train", "validation", "test")] == [1, 1, 1]
    assert contents.rejected == []
    assert contents.notes == []


def test_words_restrict_the_classes(settings: Settings, make_speech_commands: Make, tmp_path: Path):
    make_speech_commands(tmp_path, {"yes": 10, "no": 10, "cat": 10})
    corpus = SpeechCommands(**settings("speech_commands_v1", words=["yes", "no"]))
    contents = corpus.load(tmp_path)
    assert contents.labels == corpus.labels(tmp_path) == ("no", "yes")
    assert {clip.label for clips in contents.splits.values() for clip in clips} == {"no", "yes"}


def test_absent_words_of_a_partial_folder_are_reported(
    settings: Settings, make_speech_commands: Make, tmp_path: Path
):
    folder = make_speech_commands(tmp_path, {"yes": 3, "no": 3}, noise_seconds=0)
    (folder / "cat").mkdir()
    contents = SpeechCommands(**settings("speech_commands_v1")).load(tmp_path)
    assert contents.labels == ("no", "yes")
    assert "cat" in contents.notes[0]
    assert "zero" in contents.notes[0]
    assert contents.noise == {"train": [], "validation": [], "test": []}


def test_a_word_asked_for_and_absent_is_a_users_mistake(
    settings: Settings, make_speech_commands: Make, tmp_path: Path
):
    make_speech_commands(tmp_path, {"yes": 3})
    with pytest.raises(UserError, match=r'data\.words: "no" has no clips in'):
        SpeechCommands(**settings("speech_commands_v1", words=["yes", "no"])).load(tmp_path)


def test_an_absent_corpus_names_the_command_to_type(settings: Settings, tmp_path: Path):
    root = tmp_path / "my data"
    with pytest.raises(UserError, match="type: speechsrt prepare data=speech_commands_v2 ") as error:
        SpeechCommands(**settings("speech_commands_v2")).load(root)
    assert str(error.value).endswith(f"'data_root={root}'")
    assert not root.exists()


def test_a_folder_without_lists_or_words_is_a_users_mistake(
    settings: Settings, make_speech_commands: Make, tmp_path: Path
):
    folder = make_speech_commands(tmp_path, {"yes": 3})
    (folder / "testing_list.txt").unlink()
    corpus = SpeechCommands(**settings("speech_commands_v1"))
    with pytest.raises(UserError, match=r"testing_list\.txt: is missing"):
        corpus.load(tmp_path)
    (folder / "yes").rename(folder / "jes")
    with pytest.raises(UserError, match="holds no clips of any word"):
        corpus.load(tmp_path)


def test_a_damaged_clip_stops_an_official_corpus(
    settings: Settings, make_speech_commands: Make, tmp_path: Path
):
    folder = make_speech_commands(tmp_path, {"yes": 3})
    (folder / "yes" / "0001_nohash_1.wav").write_bytes(b"")
    with pytest.raises(UnreadableAudioError, match=r"0001_nohash_1\.wav: is empty"):
        SpeechCommands(**settings("speech_commands_v1")).load(tmp_path)


def test_a_read_only_corpus_is_loaded(settings: Settings, make_speech_commands: Make, tmp_path: Path):
    folder = make_speech_commands(tmp_path, {"yes": 3})
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    folder.chmod(0o555)
    SpeechCommands(**settings("speech_commands_v1")).load(tmp_path)
    folder.chmod(0o755)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_progress_of_the_scan_reaches_the_total(
    settings: Settings, make_speech_commands: Make, tmp_path: Path
):
    make_speech_commands(tmp_path, {"yes": 3, "no": 4})
    seen: list[tuple[str, int, int]] = []
    SpeechCommands(**settings("speech_commands_v1")).load(
        tmp_path, progress=lambda *report: seen.append(report)
    )
    assert seen == [("scanning speech_commands_v0.01", 7, 7)]


def test_a_version_read_as_a_number_is_understood(settings: Settings):
    assert SpeechCommands(**settings("speech_commands_v1", version=0.02)).version == "0.02"
    with pytest.raises(
        UserError, match=r"data\.version=0\.03: there is no such version; write one of 0\.01, 0\.02"
    ):
        SpeechCommands(**settings("speech_commands_v1", version="0.03"))


def test_real_speech_commands(settings: Settings):
    root = Path(os.environ.get("SPEECHSRT_DATA", ""))
    if not (root / "SpeechCommands" / "speech_commands_v0.01").is_dir():
        pytest.skip("SPEECHSRT_DATA holds no Speech Commands")
    begin = time.monotonic()
    contents = SpeechCommands(**settings("speech_commands_v1")).load(root)
    assert time.monotonic() - begin < 60
    splits = contents.splits
    speakers = {split: {clip.speaker for clip in clips} for split, clips in splits.items()}
    assert not speakers["train"] & (speakers["validation"] | speakers["test"])
    assert not speakers["validation"] & speakers["test"]
    assert all(0 < clip.duration <= 1 for clips in splits.values() for clip in clips)
