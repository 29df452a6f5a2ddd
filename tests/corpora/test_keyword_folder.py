import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speechsrt.audio.files import read
from speechsrt.corpora.keyword_folder import KeywordFolder
from speechsrt.corpora.manifest import Contents, read_manifest, write_manifest
from speechsrt.corpora.own_words import OwnWords
from speechsrt.errors import UserError

Write = Callable[..., Path]
SPLITS = {"train", "validation", "test"}


def load(root: Path, **settings) -> Contents:
    return KeywordFolder("keyword_folder", str(root), **settings).load(root / "unused")


def test_names_rates_channels_and_formats_of_all_kinds(tmp_path: Path, write_sound: Write):
    for index, (suffix, rate, channels) in enumerate(
        [("wav", 8000, 1), ("flac", 44100, 2), ("ogg", 22050, 1), ("mp3", 48000, 2), ("WAV", 11025, 1)]
    ):
        write_sound(tmp_path / "turn on" / "deep er" / f"clip {index}.{suffix}", 0.3, rate, channels)
        write_sound(tmp_path / "schöön 灯" / f"клип{index}.{suffix}", 0.3, rate, channels)
    contents = load(tmp_path)
    assert contents.labels == ("schöön 灯", "turn on")
    assert contents.rejected == []
    clips = [clip for split in contents.splits.values() for clip in split]
    assert len(clips) == 10
    assert all(len(read(clip.path, 16000)) == pytest.approx(4800, rel=0.2) for clip in clips)
    assert all({clip.label for clip in split} == set(contents.labels) for split in contents.splits.values())
    write_manifest(tmp_path / "train.json", contents.splits["train"])
    assert read_manifest(tmp_path / "train.json") == contents.splits["train"]


def test_what_cannot_be_read_is_listed_with_its_reason(tmp_path: Path, write_sound: Write):
    for index in range(3):
        write_sound(tmp_path / "ja" / f"{index}.wav")
    (tmp_path / "ja" / "text.wav").write_text("not sound")
    (tmp_path / "ja" / "empty.wav").touch()
    (tmp_path / "ja" / ".hidden.wav").touch()
    (tmp_path / "README.txt").write_text("about")
    os.close(os.open(os.fsencode(tmp_path / "ja") + b"/\xff.wav", os.O_CREAT))
    reasons = {Path(path).name: reason for path, reason in load(tmp_path).rejected}
    assert set(reasons) == {"text.wav", "empty.wav", ".hidden.wav", "README.txt", "\\xff.wav"}
    assert reasons["empty.wav"] == "is empty (0 bytes)"
    assert reasons["README.txt"] == "lies in no word's folder"
    assert reasons[".hidden.wav"].startswith("is hidden")
    assert reasons["text.wav"].startswith("is not a sound file")
    assert reasons["\\xff.wav"].startswith("has a name that is not UTF-8")


def test_splits_of_the_folder_are_honoured(tmp_path: Path, write_sound: Write):
    for split in SPLITS:
        for word in ("a", "b"):
            write_sound(tmp_path / split / word / "1.wav")
    write_sound(tmp_path / "train" / "c" / "1.wav")
    contents = load(tmp_path)
    assert contents.labels == ("a", "b", "c")
    assert {split: len(clips) for split, clips in contents.splits.items()} == {
        "train": 3,
        "validation": 2,
        "test": 2,
    }
    assert all(Path(clip.path).parts[-3] == split for split in SPLITS for clip in contents.splits[split])
    assert contents.notes == ['"c" has 1 clip, none of them in validation and test; record more.']


def test_train_alone_is_a_word(tmp_path: Path, write_sound: Write):
    for index in range(3):
        write_sound(tmp_path / "train" / f"{index}.wav")
        write_sound(tmp_path / "plane" / f"{index}.wav")
    assert load(tmp_path).labels == ("plane", "train")


def test_every_word_of_three_clips_is_in_every_split(tmp_path: Path, write_sound: Write):
    for word, count in {"a": 3, "b": 4, "c": 30, "d": 2}.items():
        for index in range(count):
            write_sound(tmp_path / word / f"{index}.wav", 0.05)
    contents = load(tmp_path)
    counts = {split: Counter(clip.label for clip in clips) for split, clips in contents.splits.items()}
    assert all(counts[split][word] for split in SPLITS for word in "abc")
    assert counts["train"]["d"] == 2
    assert contents.notes == ['"d" has 2 clips, none of them in validation and test; record more.']


def test_no_speaker_is_in_two_splits(tmp_path: Path, write_sound: Write):
    for speaker in range(12):
        for index in range(2):
            write_sound(tmp_path / "ab"[index] / f"{speaker:02x}_nohash_{index}.wav", 0.05)
    contents = load(tmp_path)
    speakers = {split: {clip.speaker for clip in clips} for split, clips in contents.splits.items()}
    assert sum(map(len, speakers.values())) == 12
    assert all(speakers.values())
    assert contents.notes[0] == "Split by speaker: the file names tell 12 of them."


def test_too_few_speakers_are_split_by_file_and_said_so(tmp_path: Path, write_sound: Write):
    for index in range(6):
        write_sound(tmp_path / "a" / f"ann_nohash_{index}.wav", 0.05)
    contents = load(tmp_path)
    assert all(contents.splits.values())
    assert contents.notes[0].startswith("Too few speakers to split by (ann)")


def test_background_noise_is_no_word(tmp_path: Path, write_sound: Write):
    write_sound(tmp_path / "_background_noise_" / "hum.flac", 10, 8000)
    (tmp_path / "_background_noise_" / "notes.txt").write_text("hum")
    for index in range(3):
        write_sound(tmp_path / "a" / f"{index}.wav")
    contents = load(tmp_path)
    assert contents.labels == ("a",)
    assert [contents.noise[split][0].duration for split in ("train", "validation", "test")] == [8.0, 1.0, 1.0]
    assert [Path(path).name for path, _ in contents.rejected] == ["notes.txt"]


def test_clips_longer_than_a_window_are_noted(tmp_path: Path, write_sound: Write):
    for index in range(3):
        write_sound(tmp_path / "a" / f"{index}.wav", 0.5 + index)
    assert load(tmp_path).notes == [
        "2 of 3 clips exceed data.clip_seconds=1 (the longest 2.50 s) and are cut to it."
    ]
    assert load(tmp_path, clip_seconds=3).notes == []


def test_words_restrict_what_is_scanned(tmp_path: Path, write_sound: Write):
    for word in ("yes", "no"):
        write_sound(tmp_path / word / "1.wav")
    (tmp_path / "broken").mkdir()
    assert load(tmp_path, words=["no"]).labels == ("no",)
    with pytest.raises(UserError, match=r'there is no folder "noo" in .*; did you mean no'):
        load(tmp_path, words=["noo"])


def test_a_word_without_readable_clips_is_a_users_mistake(tmp_path: Path, write_sound: Write):
    write_sound(tmp_path / "yes" / "1.wav")
    (tmp_path / "no").mkdir()
    with pytest.raises(UserError, match=r'the word "no" has no readable clip \(the folder is empty\)'):
        load(tmp_path)
    (tmp_path / "no" / "1.wav").touch()
    with pytest.raises(UserError, match=r'the word "no" has no readable clip \(.*1\.wav is empty'):
        load(tmp_path)


def test_a_root_that_is_not_there_is_a_users_mistake(tmp_path: Path):
    with pytest.raises(UserError, match=r"data\.root is not set; write data\.root=FOLDER"):
        KeywordFolder("keyword_folder").load(tmp_path)
    with pytest.raises(UserError, match=r"data\.root=.*none: there is no such folder"):
        load(tmp_path / "none")
    with pytest.raises(UserError, match="holds no word folders"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("validation", "test", "message"),
    [
        (0, 0.1, "data.validation=0: must be a fraction"),
        (0.1, 1.5, "data.test=1.5: must be a fraction"),
        (0.5, 0.5, "add up to 1"),
        ("a", 0.1, "data.validation=a: is not a number"),
    ],
)
def test_fractions_leave_something_to_every_split(
    tmp_path: Path, validation: float, test: float, message: str
):
    with pytest.raises(UserError, match=message):
        KeywordFolder("keyword_folder", str(tmp_path), validation=validation, test=test)


def test_the_shipped_settings_are_accepted(settings: Callable[..., dict], tmp_path: Path):
    shipped: dict[str, Any] = {**settings("keyword_folder"), "root": str(tmp_path)}
    corpus = OwnWords(**shipped)
    assert corpus.recorded is not None
    assert corpus.recorded.fractions == {"validation": 0.1, "test": 0.1}
