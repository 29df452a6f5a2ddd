from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from speechsrt.corpora.download import Archive
from speechsrt.corpora.manifest import split_hash
from speechsrt.corpora.speech_commands_12 import TEST_ARCHIVES, SpeechCommandsTwelve
from speechsrt.errors import UserError

Make = Callable[..., Path]
Settings = Callable[..., dict[str, Any]]
TEN = ("down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")


@pytest.fixture
def corpus(settings: Settings) -> SpeechCommandsTwelve:
    return SpeechCommandsTwelve(**settings("speech_commands_v2_12"))


def test_twelve_classes_in_one_sorted_order(corpus: SpeechCommandsTwelve, tmp_path: Path):
    labels = corpus.labels(tmp_path)
    assert labels == tuple(sorted((*TEN, "silence", "unknown")))


def test_unknown_and_silence_are_about_as_many_as_a_word(
    corpus: SpeechCommandsTwelve, make_speech_commands: Make, tmp_path: Path
):
    counts = dict.fromkeys(TEN, 20) | {"cat": 30, "dog": 40}
    make_speech_commands(tmp_path, counts, noise_seconds=60, version="0.02")
    contents = corpus.load(tmp_path)
    assert contents.labels == corpus.labels(tmp_path)
    for split, expected in {"train": 16, "validation": 2, "test": 2}.items():
        assert set(Counter(clip.label for clip in contents.splits[split]).values()) == {expected}
    unknown = [clip for clip in contents.splits["train"] if clip.label == "unknown"]
    assert {Path(clip.path).parent.name for clip in unknown} == {"cat", "dog"}
    assert "google_test" not in contents.splits


def test_silence_never_overlaps_between_splits(
    corpus: SpeechCommandsTwelve, make_speech_commands: Make, tmp_path: Path
):
    make_speech_commands(tmp_path, dict.fromkeys(TEN, 20) | {"cat": 20}, noise_seconds=60, version="0.02")
    splits = corpus.load(tmp_path).splits
    spans = []
    for clips in splits.values():
        silence = [clip for clip in clips if clip.label == "silence"]
        assert {clip.duration for clip in silence} == {1.0}
        starts, ends = zip(*((clip.offset, clip.offset + clip.duration) for clip in silence), strict=True)
        spans.append((min(starts), max(ends)))
    assert all(before[1] <= after[0] + 1e-9 for before, after in pairwise(sorted(spans)))


def test_the_choice_is_the_same_wherever_the_corpus_lies(
    corpus: SpeechCommandsTwelve, make_speech_commands: Make, tmp_path: Path
):
    counts = dict.fromkeys(TEN, 10) | {"cat": 40}
    hashes = set()
    for place in ("here", "there"):
        make_speech_commands(tmp_path / place, counts, version="0.02")
        hashes.add(split_hash(corpus.load(tmp_path / place).splits["train"], tmp_path / place))
    assert len(hashes) == 1


def test_googles_test_set_is_a_split_where_it_lies_there(
    corpus: SpeechCommandsTwelve,
    make_speech_commands: Make,
    write_sound: Callable[..., Path],
    tmp_path: Path,
):
    folder = make_speech_commands(tmp_path, dict.fromkeys(TEN, 10) | {"cat": 10}, version="0.02")
    tests = folder.with_name("speech_commands_test_set_v0.02")
    for name in ("yes/ab_nohash_0.wav", "_unknown_/cd_nohash_1.wav.wav", "_silence_/0.wav"):
        write_sound(tests / name)
    clips = corpus.load(tmp_path).splits["google_test"]
    assert [(clip.label, clip.speaker) for clip in clips] == [
        ("silence", None),
        ("unknown", "cd"),
        ("yes", "ab"),
    ]


def test_a_test_set_that_cannot_be_fetched_is_noted(
    corpus: SpeechCommandsTwelve,
    make_speech_commands: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    make_speech_commands(tmp_path, dict.fromkeys(TEN, 10) | {"cat": 10}, version="0.02")
    nowhere = Archive("http://127.0.0.1:1/speech_commands_test_set_v0.02.tar.gz")
    monkeypatch.setitem(TEST_ARCHIVES, "0.02", nowhere)
    contents = corpus.load(tmp_path, download=True)
    assert "google_test" not in contents.splits
    assert contents.notes[-1].startswith("Without the split google_test: http://127.0.0.1:1/")


def test_words_restrict_the_twelve(settings: Settings, make_speech_commands: Make, tmp_path: Path):
    make_speech_commands(tmp_path, dict.fromkeys(TEN, 10) | {"cat": 10})
    chosen = settings("speech_commands_v2_12", version=0.01, words=["yes", "unknown"])
    contents = SpeechCommandsTwelve(**chosen).load(tmp_path)
    assert contents.labels == ("unknown", "yes")
    assert {clip.label for clip in contents.splits["train"]} == {"unknown", "yes"}


def test_nothing_to_make_silence_of(
    settings: Settings, corpus: SpeechCommandsTwelve, make_speech_commands: Make, tmp_path: Path
):
    make_speech_commands(tmp_path, dict.fromkeys(TEN, 10), noise_seconds=1, version="0.02")
    contents = corpus.load(tmp_path)
    assert contents.labels == TEN
    assert [note.split('"')[1] for note in contents.notes] == ["unknown", "silence"]
    asked = SpeechCommandsTwelve(**settings("speech_commands_v2_12", words=["yes", "silence"]))
    with pytest.raises(UserError, match='nothing to make "silence" of'):
        asked.load(tmp_path)
