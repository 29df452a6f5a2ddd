import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.audio.files import read
from speechsrt.corpora.manifest import SPLITS, Clip, Contents, write_manifest
from speechsrt.corpora.sentences import Manifest, deal
from speechsrt.errors import UserError

Write = Callable[..., Path]


def write_lines(path: Path, *records: object) -> Path:
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def record(name: str, **more: object) -> dict[str, object]:
    return {"audio_filepath": name, "text": "Hello, world!", **more}


def load(path: Path, **settings: Any) -> Contents:
    return Manifest("manifest", str(path), **settings).load(Path("unused"))


def everything(contents: Contents) -> list[Clip]:
    return [clip for split in SPLITS for clip in contents.splits[split]]


@pytest.fixture
def sound(write_sound: Write, tmp_path: Path) -> Path:
    """A second of sound, `a.flac` in the folder of the test."""
    return write_sound(tmp_path / "a.flac", 1.0)


def rejected(sound: Path, line: object) -> str:
    """The reason for which a line beside a good one is left out."""
    path = write_lines(sound.parent / "m.json", record("a.flac"), line)
    contents = load(path)
    assert len(everything(contents)) == 1
    [(_, reason)] = contents.rejected
    assert reason.endswith(" (m.json:2)")
    return reason.removesuffix(" (m.json:2)")


def test_names_rates_channels_and_formats_of_all_kinds(tmp_path: Path, write_sound: Write):
    kinds = [("flac", 8000, 2), ("wav", 44100, 1), ("ogg", 22050, 2), ("mp3", 48000, 1)]
    for suffix, rate, channels in kinds:
        write_sound(tmp_path / "my sounds" / f"schöön 灯.{suffix}", 1.0, rate, channels)
    lines = [record(f"my sounds/schöön 灯.{suffix}") for suffix, _, _ in kinds]
    contents = load(write_lines(tmp_path / "m.json", *lines))
    assert contents.rejected == []
    assert {clip.label for clip in everything(contents)} == {"hello world"}
    for clip in everything(contents):
        assert clip.duration == pytest.approx(1.0, abs=0.1)
        assert len(read(clip.path, 16000)) == pytest.approx(16000, rel=0.1)


def test_times_come_from_the_manifest_or_the_file(sound: Path):
    lines = [
        record("a.flac"),
        record("a.flac", duration=None, offset=None),
        record(str(sound), duration=0.5, offset=0.25, speaker=3),
        record("a.flac", duration=1.04),
        record("a.flac", offset=0.25),
    ]
    clips = load(write_lines(sound.parent / "m.json", *lines)).splits["train"]
    assert [(clip.offset, clip.duration) for clip in clips] == [
        (0.0, 1.0),
        (0.0, 1.0),
        (0.25, 0.5),
        (0.0, 1.0),
        (0.25, 0.75),
    ]
    assert [clip.speaker for clip in clips] == [None, None, "3", None, None]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record("b.flac"), "does not exist"),
        (record("empty.flac"), "is empty (0 bytes)"),
        (record("."), "is a folder, not a sound file"),
        ({"audio_filepath": "a.flac"}, 'has no "text"'),
        (record("a.flac", text=""), 'has an empty "text"'),
        (record("a.flac", text=" -?! "), 'has an empty "text"'),
        (record("a.flac", text=None), 'has an empty "text"'),
        (record("a.flac", text="\ud83d"), 'has an empty "text"'),
        (record("short.flac"), "lasts 0.05 s, less than data.min_seconds=0.1"),
        (record("a.flac", offset=0.95), "lasts 0.05 s, less than data.min_seconds=0.1"),
        (record("a.flac", duration=0), "lasts 0 s, less than data.min_seconds=0.1"),
        (record("a.flac", duration=2), "lasts 1.00 s, and the manifest wants it from 0.00 s to 2.00 s"),
        (record("a.flac", offset=3), "lasts 1.00 s, and the manifest wants it from 3.00 s"),
    ],
)
def test_what_cannot_be_learnt_from_is_listed(sound: Path, write_sound: Write, line: object, reason: str):
    (sound.parent / "empty.flac").touch()
    write_sound(sound.parent / "short.flac", 0.05)
    assert rejected(sound, line) == reason


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{no json", r"m\.json:2: is not JSON \(.*\); write one JSON object a line"),
        ('"text"', r"m\.json:2: is not a JSON object"),
        ({"text": "a"}, r'm\.json:2: lacks "audio_filepath"'),
        (record("a.flac", duration="1"), r'm\.json:2: has no valid "duration"; write it in seconds'),
        (record("a.flac", duration=10**400), r'm\.json:2: has no valid "duration"'),
        (record("a.flac", offset=-1), r'm\.json:2: has no valid "offset"'),
        (record("a\0.flac"), r'm\.json:2: has no text under "audio_filepath"'),
    ],
)
def test_a_line_that_cannot_be_understood_is_a_users_mistake(sound: Path, line: object, message: str):
    path = write_lines(sound.parent / "m.json", record("a.flac"), line)
    with pytest.raises(UserError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_manifests_that_cannot_be_used_are_a_users_mistake(tmp_path: Path):
    with pytest.raises(UserError, match=r"data\.path is not set; write data\.path=FILE"):
        Manifest("manifest").load(tmp_path)
    with pytest.raises(UserError, match=r"none\.json: no such manifest; check the path"):
        load(tmp_path / "none.json")
    with pytest.raises(UserError, match=r"cannot be read \(Is a directory\); check the path"):
        load(tmp_path)
    with pytest.raises(UserError, match=r"m\.json: no line can be used, it is empty"):
        load(write_lines(tmp_path / "m.json"))
    with pytest.raises(UserError, match=r"the first names .*b\.flac which does not exist \(m\.json:1\)"):
        load(write_lines(tmp_path / "m.json", record("b.flac")))


def test_manifests_of_their_own_are_the_splits(tmp_path: Path, write_sound: Write):
    paths = {}
    for split in SPLITS:
        write_sound(tmp_path / split / "a.wav", 0.5)
        paths[split] = write_lines(tmp_path / split / "m.json", record("a.wav"))
    contents = load(paths["train"], validation_path=str(paths["validation"]), test_path=str(paths["test"]))
    assert {split: [Path(clip.path).parts[-2] for clip in contents.splits[split]] for split in SPLITS} == {
        split: [split] for split in SPLITS
    }
    assert contents.notes == []


def test_a_test_manifest_alone_is_enough(sound: Path):
    path = write_lines(sound.parent / "m.json", record("a.flac"))
    contents = Manifest("manifest", test_path=str(path)).load(Path("unused"))
    assert [len(contents.splits[split]) for split in SPLITS] == [0, 0, 1]


def test_only_splits_without_a_manifest_are_dealt_out(tmp_path: Path, write_sound: Write):
    names = [write_sound(tmp_path / f"{number}.wav").name for number in range(30)]
    path = write_lines(tmp_path / "m.json", *map(record, names))
    held = write_lines(tmp_path / "held.json", record(write_sound(tmp_path / "held.wav").name))
    contents = load(path, validation_path=str(held), test=0.3)
    assert [Path(clip.path).stem for clip in contents.splits["validation"]] == ["held"]
    assert 4 <= len(contents.splits["test"]) <= 15
    assert len(contents.splits["train"]) + len(contents.splits["test"]) == 30


def test_speakers_stay_together_and_it_is_said(tmp_path: Path, write_sound: Write):
    lines = [
        record(write_sound(tmp_path / f"{number}.wav").name, speaker=f"s{number % 4}") for number in range(12)
    ]
    contents = load(write_lines(tmp_path / "m.json", *lines))
    heard = [{clip.speaker for clip in contents.splits[split]} for split in SPLITS]
    assert all(heard)
    assert sum(map(len, heard)) == 4
    assert contents.notes == ["Split by speaker: the manifest names 4 of them."]


def test_without_enough_speakers_files_are_dealt_out_and_it_is_said(tmp_path: Path, write_sound: Write):
    names = [write_sound(tmp_path / f"{number}.wav").name for number in range(6)]
    contents = load(write_lines(tmp_path / "m.json", *(record(name, speaker="ann") for name in names)))
    assert all(contents.splits.values())
    assert contents.notes[0].startswith("Split by file: the manifest names only 1 speakers")
    assert contents.notes[1] == "1 speakers are in both train and validation: validation tests no new voices."
    contents = load(write_lines(tmp_path / "m.json", *map(record, names)))
    assert contents.notes[0].startswith("Split by file: the manifest names no speakers")


def test_a_file_in_two_manifests_is_said(sound: Path):
    path = write_lines(sound.parent / "m.json", record("a.flac"))
    notes = load(path, validation_path=str(path), test_path=str(path)).notes
    assert notes[0] == "1 sound files are in both train and validation: validation is no fair test."
    assert len(notes) == 3


def test_long_utterances_are_left_out_of_training_alone(sound: Path):
    path = write_lines(sound.parent / "m.json", record("a.flac"), record("a.flac", duration=0.5))
    contents = load(path, validation_path=str(path), test_path=str(path), max_seconds=0.8)
    assert [len(contents.splits[split]) for split in SPLITS] == [1, 2, 2]
    assert contents.rejected == [(str(sound), "lasts 1.00 s, more than data.max_seconds=0.8")]
    assert contents.notes[-1].startswith("1 of 2 training utterances")


def test_what_prepare_writes_is_read_again(tmp_path: Path, write_sound: Write):
    names = [write_sound(tmp_path / "sounds" / f"{number}.wav").name for number in range(5)]
    lines = [record(f"sounds/{name}", speaker=f"s{name[0]}") for name in names]
    before = load(write_lines(tmp_path / "m.json", *lines))
    paths = {split: tmp_path / "prepared" / f"{split}.json" for split in SPLITS}
    for split, path in paths.items():
        write_manifest(path, before.splits[split], key="text")
    held = {f"{split}_path": str(paths[split]) for split in ("validation", "test")}
    assert load(paths["train"], **held).splits == before.splits


def test_each_file_is_probed_once_and_progress_reaches_the_total(sound: Path):
    path = write_lines(sound.parent / "m.json", *[record("a.flac", duration=0.5)] * 3)
    seen: list[tuple[str, int, int]] = []
    Manifest("manifest", str(path)).load(Path("unused"), progress=lambda *report: seen.append(report))
    assert seen == [("scanning m.json", 1, 1)]


names = st.sampled_from("abcdefghij")
clips = st.builds(
    lambda name, speaker: Clip(f"/d/{name}.wav", 1.0, "a", 0.0, speaker), names, st.none() | names
)
shares = st.dictionaries(st.sampled_from(["validation", "test"]), st.floats(0.01, 0.49), min_size=1)


@given(st.lists(clips), shares)
def test_nothing_is_lost_or_in_two_splits(sentences: list[Clip], fractions: dict[str, float]):
    splits, _ = deal(sentences, Path("/d"), fractions)
    assert set(splits) == {"train", *fractions}
    assert sorted(map(repr, sentences)) == sorted(repr(clip) for split in splits.values() for clip in split)
    if all(clip.speaker for clip in sentences) and len({clip.speaker for clip in sentences}) >= 3:
        heard = [{clip.speaker for clip in split} for split in splits.values()]
        assert sum(map(len, heard)) == len(set().union(*heard))
        assert all(heard)
    if not any(clip.speaker for clip in sentences):
        files = [{clip.path for clip in split} for split in splits.values()]
        assert sum(map(len, files)) == len(set().union(*files))


@given(st.lists(clips, max_size=8), shares)
def test_the_place_of_the_manifest_does_not_matter(sentences: list[Clip], fractions: dict[str, float]):
    moved = [Clip("/else" + clip.path, 1.0, "a", 0.0, clip.speaker) for clip in sentences]
    here, there = deal(sentences, Path("/d"), fractions)[0], deal(moved, Path("/else/d"), fractions)[0]
    assert {split: len(part) for split, part in here.items()} == {s: len(part) for s, part in there.items()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation": 0}, r"data\.validation=0: must be a fraction"),
        ({"validation": 0.5, "test": 0.5}, "add up to 1"),
        ({"min_seconds": None}, r"data\.min_seconds=None: is not a number"),
        ({"max_seconds": -1}, r"data\.max_seconds=-1: must be above zero"),
        ({"frame_seconds": 0}, r"data\.frame_seconds=0"),
        ({"sample_rate": 1}, r"data\.sample_rate=1"),
    ],
)
def test_settings_that_make_no_sense_are_named(change: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        Manifest("manifest", "m.json", **change)


def test_the_shipped_settings_are_accepted(settings: Callable[..., dict]):
    corpus = Manifest(**settings("manifest"))
    assert (corpus.task, corpus.lenient, corpus.labels(Path())) == ("ctc", True, ())
