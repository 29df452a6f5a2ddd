"""Recordings, words alone, and both."""

from pathlib import Path
from typing import Any

import pytest
from tones import write_tones

from speechsrt.audio.files import probe
from speechsrt.corpora.manifest import SPLITS, Contents
from speechsrt.corpora.own_words import OwnWords
from speechsrt.errors import UserError

FEW: dict[str, Any] = {"clips_per_word": 6, "held_out_clips_per_word": 2, "other": 0.0}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tones(tmp_path_factory.mktemp("own") / "words", {"on": 300.0, "off": 900.0})


@pytest.fixture(scope="module")
def data_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("espeakng_loader")
    return tmp_path_factory.mktemp("data")


def loaded(data_root: Path, **how: Any) -> Contents:
    corpus = OwnWords("keyword_folder", **FEW | how)
    contents = corpus.load(data_root)
    assert contents.labels == corpus.labels(data_root)
    return contents


def count(contents: Contents, label: str, split: str = "train") -> int:
    return sum(clip.label == label for clip in contents.splits[split])


def test_recordings_alone(recordings: Path, tmp_path: Path):
    contents = loaded(tmp_path, root=str(recordings))
    assert contents.labels == ("off", "on")
    assert sum(map(len, contents.splits.values())) == 20


def test_words_alone_with_what_is_near_them(data_root: Path):
    contents = loaded(
        data_root, words=["hey computer", "lights on"], synthesise=True, near=2.0, clip_seconds=1.5
    )
    assert contents.labels == ("hey computer", "lights on", "silence", "unknown")
    assert (count(contents, "silence"), count(contents, "silence", "test")) == (6, 2)
    assert (count(contents, "hey computer"), count(contents, "unknown")) == (6, 24)
    assert count(contents, "unknown", "test") == 8
    assert {probe(clip.path).duration for clip in contents.splits["test"]} == {1.5}
    voices = [{c.speaker for c in contents.splits[split] if c.label != "silence"} for split in SPLITS]
    assert len(set().union(*voices)) == sum(map(len, voices)), "no voice is in two splits"


def test_made_up_words_come_to_what_is_near(data_root: Path):
    contents = loaded(data_root, words=["computer", "banana"], synthesise=True, near=1.0, other=2.0)
    assert (count(contents, "unknown"), count(contents, "silence")) == (2 * 6 + 2 * 6, 6)
    marked = [clip for clip in contents.splits["train"] if clip.near]
    assert len(marked) == 2 * 6
    assert {clip.label for clip in marked} == {"unknown"}
    alone = loaded(data_root, words=["computer"], synthesise=True, near=0.0, other=1.0)
    assert (count(alone, "unknown"), count(alone, "silence")) == (6, 6)
    assert not any(clip.near for clips in alone.splits.values() for clip in clips)


def test_no_near_phrase_is_in_two_splits(data_root: Path):
    contents = loaded(data_root, words=["computer"], synthesise=True, near=2.0, clip_seconds=1.5)
    said = [
        {
            Path(clip.path).stem.rpartition("_")[2].partition("-")[0]
            for clip in contents.splits[split]
            if clip.label == "unknown"
        }
        for split in SPLITS
    ]
    assert len(set().union(*said)) == sum(map(len, said)) == 12 + 4 + 4


@pytest.mark.slow
def test_a_word_with_few_near_phrases_has_some_in_every_split(data_root: Path):
    many = {"clips_per_word": 300, "held_out_clips_per_word": 30}
    contents = loaded(data_root, words=["a"], synthesise=True, near=1.0, clip_seconds=0.6, **many)
    assert [count(contents, "unknown", split) for split in SPLITS] == [300, 30, 30]


def test_both_together(data_root: Path, recordings: Path):
    contents = loaded(data_root, root=str(recordings), words=["on", "computer"], synthesise=True, near=0.0)
    assert contents.labels == ("computer", "on")
    recorded = sum(str(recordings) in clip.path for clips in contents.splits.values() for clip in clips)
    assert recorded == 10
    assert count(contents, "computer") == 6
    assert count(contents, "on") > 6


def test_without_words_those_of_the_folder_are_spoken(data_root: Path, recordings: Path):
    assert loaded(data_root, root=str(recordings), synthesise=True, near=0.0).labels == ("off", "on")


def test_mistakes(tmp_path: Path):
    with pytest.raises(
        UserError, match=r"data\.synthesise=true: name the words to speak, as in data\.words="
    ):
        OwnWords("keyword_folder", synthesise=True)
    with pytest.raises(UserError, match=r"data\.root is not set"):
        OwnWords("keyword_folder").load(tmp_path)
    with pytest.raises(UserError, match=r"data\.near=-1\.0: must be 0, for none, or more"):
        OwnWords("keyword_folder", words=["on"], synthesise=True, near=-1.0)
    with pytest.raises(UserError, match=r"data\.other=-1\.0: must be 0, for none, or more"):
        OwnWords("keyword_folder", words=["on"], synthesise=True, other=-1.0)
    with pytest.raises(UserError, match=r'data\.near=1\.0: makes a class "unknown"'):
        OwnWords("keyword_folder", words=["on", "unknown"], synthesise=True)
