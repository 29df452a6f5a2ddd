import math
import os
import shlex
import tarfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from speechsrt.audio.files import UnreadableAudioError, read
from speechsrt.corpora.download import MARKER, Archive
from speechsrt.corpora.librispeech import ARCHIVES, LibriSpeech
from speechsrt.corpora.manifest import SPLITS, Contents, read_manifest, split_hash, write_manifest
from speechsrt.errors import UserError

Write = Callable[..., Path]
Settings = Callable[..., dict[str, Any]]
PARTS: dict[str, Any] = {"train": ["train-clean-100"], "validation": ["dev-clean"], "test": ["test-clean"]}


@pytest.fixture
def corpus(write_sound: Write, tmp_path: Path) -> Path:
    """Three parts of two speakers each, one chapter a speaker, two utterances a chapter."""
    for number, part in enumerate(("train-clean-100", "dev-clean", "test-clean")):
        for speaker in (10 * number + 1, 10 * number + 2):
            write_chapter(write_sound, tmp_path / "LibriSpeech" / part, str(speaker))
    return tmp_path


def write_chapter(write_sound: Write, part: Path, speaker: str, **sound: Any) -> Path:
    folder = part / speaker / "7"
    names = [f"{speaker}-7-{number:04d}" for number in range(2)]
    for name in names:
        write_sound(folder / f"{name}.flac", **sound)
    lines = [f"{name} IT'S UTTERANCE {name[-1]} OF SPEAKER {speaker}\n" for name in names]
    (folder / f"{speaker}-7.trans.txt").write_text("".join(lines))
    return folder


def load(root: Path, **settings: Any) -> Contents:
    return LibriSpeech("librispeech", **{**PARTS, **settings}).load(root)


def speakers(contents: Contents) -> dict[str, list[str]]:
    return {split: sorted({clip.speaker or "" for clip in clips}) for split, clips in contents.splits.items()}


def test_parts_become_splits(corpus: Path):
    contents = load(corpus)
    assert contents.labels == ()
    assert speakers(contents) == {"train": ["1", "2"], "validation": ["11", "12"], "test": ["21", "22"]}
    clip = contents.splits["train"][1]
    assert (clip.label, clip.duration, clip.offset) == ("it's utterance 1 of speaker 1", 0.25, 0.0)
    assert clip.path == str(corpus / "LibriSpeech" / "train-clean-100" / "1" / "7" / "1-7-0001.flac")
    assert (contents.rejected, contents.notes) == ([], [])


def test_listed_speakers_belong_to_their_split_alone(corpus: Path):
    contents = load(
        corpus,
        train=["dev-clean", "train-clean-100"],
        test=["test-clean", "dev-clean", "train-clean-100"],
        validation_speakers=[11],
        test_speakers=["1", 22],
    )
    assert speakers(contents) == {"train": ["12", "2"], "validation": ["11"], "test": ["1", "22"]}


def test_speakers_can_be_left_out_altogether(corpus: Path):
    left = load(corpus, train=["train-clean-100", "dev-clean"], validation=[], validation_speakers=[1, 12])
    assert speakers(left) == {"train": ["11", "2"], "validation": [], "test": ["21", "22"]}


def test_one_part_is_enough(corpus: Path):
    contents = load(corpus, train=[], validation=[])
    assert {split: len(clips) for split, clips in contents.splits.items()} == {
        "train": 0,
        "validation": 0,
        "test": 4,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": "dev-clean"}, r"data\.train=dev-clean: is not a list; write data\.train=\[dev-clean\]"),
        (
            {"test": ["test-cleen"]},
            r"data\.test: test-cleen is not a part of LibriSpeech; did you mean test-cl",
        ),
        ({"test": ["test-clean", "test-clean"]}, r"data\.test: test-clean is listed twice"),
        ({"train": [], "validation": [], "test": []}, "name no part; write data.test="),
        (
            {"test": ["dev-clean"]},
            r"data\.test: dev-clean is in data\.validation too, .* data\.test_speakers",
        ),
        (
            {"train": ["dev-clean"]},
            r"data\.validation: dev-clean is in data\.train too, so its speakers would",
        ),
        (
            {"validation_speakers": [1], "test_speakers": ["1"]},
            r"data\.test_speakers: 1 is in data\.validation_speakers too; list a speaker once",
        ),
        ({"test_speakers": 84}, r"data\.test_speakers=84: is not a list; write data\.test_speakers=\[84\]"),
        ({"min_seconds": 0}, r"data\.min_seconds=0: must be above zero"),
        ({"max_seconds": 0.05}, r"data\.max_seconds=0\.05: must be above data\.min_seconds=0\.1"),
        ({"frame_seconds": -1}, r"data\.frame_seconds=-1: must be above zero"),
        ({"sample_rate": 1}, r"data\.sample_rate=1: "),
    ],
)
def test_settings_that_make_no_sense_are_named(change: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        LibriSpeech("librispeech", **{**PARTS, **change})


def test_a_listed_speaker_who_is_absent_is_a_users_mistake(corpus: Path):
    with pytest.raises(UserError, match=r"data\.test_speakers: 12 has no utterances in test-clean; .*22"):
        load(corpus, test_speakers=[12])


def test_a_speaker_in_two_splits_is_a_users_mistake(corpus: Path, write_sound: Write):
    write_chapter(write_sound, corpus / "LibriSpeech" / "test-clean", "2")
    with pytest.raises(UserError, match=r"data\.test: speaker 2 is in train too; move"):
        load(corpus)


def test_transcripts_without_sound_are_counted(corpus: Path):
    for path in (corpus / "LibriSpeech" / "dev-clean").rglob("*0001.flac"):
        path.unlink()
    assert load(corpus).notes == ["dev-clean: 2 of 4 transcripts have no sound file here."]


def test_long_utterances_are_left_out_of_training_alone(corpus: Path):
    contents = load(corpus, max_seconds=0.2)
    assert [len(contents.splits[split]) for split in SPLITS] == [0, 4, 4]
    assert contents.rejected[0][1] == "lasts 0.25 s, more than data.max_seconds=0.2"
    assert contents.notes == [
        "4 of 4 training utterances (0.00 h) exceed data.max_seconds=0.2 and are left out."
    ]
    assert load(corpus, max_seconds=0.25).rejected == load(corpus, max_seconds=None).rejected == []
    assert LibriSpeech("librispeech", **PARTS, max_seconds=None).max_seconds == math.inf


def damage_transcript(corpus: Path, text: str | None) -> None:
    path = corpus / "LibriSpeech" / "dev-clean" / "12" / "7" / "12-7.trans.txt"
    if text is None:
        path.unlink()
    else:
        path.write_text(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, r"12-7-0000\.flac: has no transcript in 12-7\.trans\.txt; restore"),
        ("12-7-0000 HERE\n", r"12-7-0001\.flac: has no transcript in 12-7\.trans\.txt; restore"),
        ("12-7-0000 HERE\n12-7-0001\n", r"12-7-0001\.flac: has an empty transcript in 12-7\.trans\.txt"),
        ("12-7-0000 ...\n12-7-0001 A\n", r"12-7-0000\.flac: has an empty transcript in 12-7\.trans\.txt"),
    ],
)
def test_a_missing_or_empty_transcript_is_named(corpus: Path, text: str | None, message: str):
    damage_transcript(corpus, text)
    with pytest.raises(UserError, match=message) as error:
        load(corpus)
    assert "\n" not in str(error.value)


def test_a_transcript_that_is_no_text_is_named(corpus: Path):
    damage_transcript(corpus, "")
    next(corpus.rglob("12-7.trans.txt")).write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"12-7\.trans\.txt: cannot be read as UTF-8 text; restore it"):
        load(corpus)


def test_a_damaged_file_stops_an_official_corpus(corpus: Path, write_sound: Write):
    path = next(corpus.rglob("12-7-0001.flac"))
    path.write_bytes(b"")
    with pytest.raises(UnreadableAudioError, match=r"12-7-0001\.flac: is empty \(0 bytes\)"):
        load(corpus)
    path.write_bytes(b"not sound")
    with pytest.raises(UnreadableAudioError, match=r"12-7-0001\.flac: is not a sound file"):
        load(corpus)
    write_sound(path, 0.05)
    with pytest.raises(
        UnreadableAudioError, match=r"lasts 0\.05 s, less than data\.min_seconds=0\.1; restore"
    ):
        load(corpus)
    assert len(load(corpus, min_seconds=0.05).splits["validation"]) == 4


def test_other_rates_and_stereo_are_fine(corpus: Path, write_sound: Write):
    part = corpus / "LibriSpeech" / "dev-clean"
    write_chapter(write_sound, part, "13", seconds=0.5, rate=8000, channels=2)
    write_chapter(write_sound, part, "14", seconds=0.5, rate=44100)
    clips = {clip.speaker: clip for clip in load(corpus).splits["validation"]}
    for speaker in ("13", "14"):
        assert clips[speaker].duration == 0.5
        assert read(clips[speaker].path, 16000).shape == (8000,)


def test_files_of_other_kinds_are_passed_over(corpus: Path):
    chapter = corpus / "LibriSpeech" / "dev-clean" / "12" / "7"
    for path in (chapter / "._12-7-0000.flac", chapter / "notes.txt", chapter.parent / "notes.txt"):
        path.write_text("about")
    assert len(load(corpus).splits["validation"]) == 4


def test_an_empty_part_is_a_users_mistake(corpus: Path):
    (corpus / "LibriSpeech" / "test-other" / "notes").mkdir(parents=True)
    with pytest.raises(UserError, match=r"test-other: holds no utterances \(SPEAKER/CHAPTER/"):
        load(corpus, test=["test-other"])


def test_an_absent_part_names_the_command_to_type(corpus: Path, tmp_path: Path):
    with pytest.raises(UserError, match="test-other: the corpus is not there; type: ") as error:
        load(corpus, test=["test-clean", "test-other"], validation_speakers=[11])
    assert shlex.split(str(error.value).split("type: ")[1]) == [
        "speechsrt",
        "prepare",
        "data=librispeech",
        "data.train=[train-clean-100]",
        "data.validation=[dev-clean]",
        "data.test=[test-clean,test-other]",
        "data.validation_speakers=[11]",
        f"data_root={tmp_path}",
    ]


def test_an_archive_is_unpacked_into_the_layout_of_the_corpus(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = load(corpus)
    folder, other = corpus / "LibriSpeech", tmp_path / "other"
    (folder / "SPEAKERS.TXT").write_text("; about the speakers")
    (other / "LibriSpeech").mkdir(parents=True)
    for part in ARCHIVES:
        monkeypatch.setitem(ARCHIVES, part, Archive(f"http://127.0.0.1:1/{part}.tar.gz"))
        if (folder / part).is_dir():
            with tarfile.open(other / "LibriSpeech" / f"{part}.tar.gz", "w:gz") as tar:
                tar.add(folder / part, f"LibriSpeech/{part}")
                tar.add(folder / "SPEAKERS.TXT", "LibriSpeech/SPEAKERS.TXT")
    after = load(other)
    assert all(
        split_hash(before.splits[split], corpus) == split_hash(after.splits[split], other) for split in SPLITS
    )
    part = other / "LibriSpeech" / "dev-clean"
    assert sorted(path.name for path in part.iterdir()) == [MARKER, "11", "12"]
    assert (other / "LibriSpeech" / "SPEAKERS.TXT").exists()


def test_an_unpacking_that_was_interrupted_goes_on(corpus: Path):
    folder = corpus / "LibriSpeech" / "dev-clean"
    inner = folder / "LibriSpeech" / "dev-clean"
    inner.mkdir(parents=True)
    (folder / "12").rename(inner / "12")
    assert speakers(load(corpus))["validation"] == ["11", "12"]
    assert not inner.parent.exists()


def test_every_part_has_its_archive():
    assert len(ARCHIVES) == 7
    for part, archive in ARCHIVES.items():
        assert archive.name == f"{part}.tar.gz"
        assert archive.size
        assert len(archive.sha256 or "") == 64


def test_progress_of_the_scan_reaches_the_total(corpus: Path):
    seen: list[tuple[str, int, int]] = []
    LibriSpeech("librispeech", **PARTS).load(corpus, progress=lambda *report: seen.append(report))
    assert seen == [(f"scanning {part}", 4, 4) for part in ("train-clean-100", "dev-clean", "test-clean")]


def test_the_manifest_holds_the_text(corpus: Path):
    clips = load(corpus).splits["train"]
    write_manifest(corpus / "manifests" / "train.json", clips, key="text")
    assert read_manifest(corpus / "manifests" / "train.json", key="text") == clips


def test_a_read_only_corpus_is_loaded(corpus: Path):
    before = sorted(map(str, corpus.rglob("*")))
    (corpus / "LibriSpeech").chmod(0o555)
    load(corpus)
    (corpus / "LibriSpeech").chmod(0o755)
    assert sorted(map(str, corpus.rglob("*"))) == before


@pytest.mark.parametrize("name", ["librispeech", "librispeech_mini"])
def test_the_shipped_settings_are_accepted(settings: Settings, name: str):
    corpus = LibriSpeech(**settings(name))
    assert (corpus.name, corpus.task, corpus.lenient) == (name, "ctc", False)
    assert corpus.labels(Path()) == ()


def hours(contents: Contents) -> Mapping[str, float]:
    return {split: sum(clip.duration for clip in clips) / 3600 for split, clips in contents.splits.items()}


def test_real_librispeech(settings: Settings):
    root = Path(os.environ.get("SPEECHSRT_DATA", ""))
    if not all(
        (root / "LibriSpeech" / part).is_dir() for part in [*PARTS["train"], "dev-clean", "test-other"]
    ):
        pytest.skip("SPEECHSRT_DATA holds no LibriSpeech")
    begin = time.monotonic()
    contents = LibriSpeech(**settings("librispeech_mini")).load(root)
    assert time.monotonic() - begin < 60
    heard = speakers(contents)
    assert heard["validation"] == ["652", "84"]
    assert not set(heard["train"]) & {*heard["validation"], *heard["test"]}
    assert len(contents.splits["validation"]) == 136
    assert 0.2 < hours(contents)["validation"] < 0.3
    characters = set("".join(clip.label for clips in contents.splits.values() for clip in clips))
    assert characters <= set(" abcdefghijklmnopqrstuvwxyz'")
