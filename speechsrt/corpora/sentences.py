"""Sentences of a person's own: JSON lines as NeMo reads them, of sound files of any format and rate.

A line holds `audio_filepath` (relative to the manifest's folder, or absolute) and `text`, and may hold
`duration` and `offset` (seconds; without them the whole file) and `speaker`. What cannot be learnt from is
listed with its reason and left out. Splits without a manifest of their own are dealt out of `path` by a
stable hash: by speaker where most lines name one, else by file; an utterance stays where it is when others
are added.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

from speechsrt.audio.files import Probe, UnreadableAudioError
from speechsrt.corpora.download import Progress
from speechsrt.corpora.keyword_folder import check_fractions
from speechsrt.corpora.manifest import (
    SPLITS,
    Clip,
    Contents,
    audio_path,
    is_text,
    read_records,
    relative_path,
    seconds_of,
)
from speechsrt.corpora.settings import check_positive, check_sample_rate
from speechsrt.corpora.stable import LEAST, assign
from speechsrt.corpora.utterances import check_lengths, leave_out_long, probe_all, too_short
from speechsrt.errors import UserError
from speechsrt.text.normalise import normalise

OVERHANG = 0.1
"""Seconds by which a manifest may exceed a file, as rounding and lossy formats make it; the rest is cut."""


class Manifest:
    """Utterances of the manifest at `path`, and of one for validation and one for test where these are given.

    `validation` and `test` are fractions of `path`, for splits without a manifest. Training utterances above
    `max_seconds` and all below `min_seconds` are left out. `frame_seconds`, how far apart a model's outputs
    are, decides what CTC can align.
    """

    task: ClassVar[str] = "ctc"
    lenient: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        path: str | None = None,
        validation_path: str | None = None,
        test_path: str | None = None,
        validation: float = 0.1,
        test: float = 0.1,
        min_seconds: float = 0.1,
        max_seconds: float | None = 16.7,
        frame_seconds: float = 0.02,
        sample_rate: int = 16000,
    ):
        """Raises UserError naming the key of a setting that makes no sense."""
        self.name = name
        given = {"train": path, "validation": validation_path, "test": test_path}
        self.paths = {split: _absolute(path) for split, path in given.items() if path is not None}
        self.fractions = check_fractions(validation, test)
        self.min_seconds, self.max_seconds = check_lengths(min_seconds, max_seconds)
        self.frame_seconds = check_positive(frame_seconds, "data.frame_seconds")
        self.sample_rate = check_sample_rate(sample_rate)
        self.clip_seconds = 0.0

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """No classes: labels are sentences."""
        return ()

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Read the manifests and the headers of their sound files; `data_root` is not used.

        Raises UserError where no manifest is named or one is absent, for a line that is no JSON object or has
        no sound file, and where no line of a manifest can be used.
        """
        if not self.paths:
            raise UserError(
                "data.path is not set; write data.path=FILE, JSON lines with audio_filepath and text"
            )
        contents = Contents((), {split: [] for split in SPLITS})
        for split, path in self.paths.items():
            contents.splits[split], rejected = read_sentences(path, self.min_seconds, progress)
            contents.rejected += rejected
        wanting = {split: part for split, part in self.fractions.items() if split not in self.paths}
        if "train" in self.paths and wanting:
            dealt, note = deal(contents.splits["train"], self.paths["train"].parent, wanting)
            contents.splits |= dealt
            contents.notes.append(note)
        contents.notes += _shared_notes(contents.splits)
        leave_out_long(contents, self.max_seconds)
        return contents


def read_sentences(
    path: Path, least: float, progress: Progress | None = None
) -> tuple[list[Clip], list[tuple[str, str]]]:
    """Return the utterances of a manifest, and (sound file, reason) of those that cannot be used.

    Raises UserError for a line that cannot be understood, and where no line is left.
    """
    records = [
        (audio_path(record, path.parent, where), record, where) for where, record in read_records(path)
    ]
    sounds = list(dict.fromkeys(sound for sound, _, _ in records))
    headers = dict(zip(sounds, probe_all(sounds, f"scanning {path.name}", progress), strict=True))
    clips: list[Clip] = []
    rejected: list[tuple[str, str]] = []
    for sound, record, where in records:
        clip = _clip(sound, record, headers[sound], where, least)
        if isinstance(clip, Clip):
            clips.append(clip)
        else:
            rejected.append((sound, f"{clip} ({Path(where).name})"))
    if not clips:
        cause = f"the first names {' which '.join(rejected[0])}" if rejected else "it is empty"
        raise UserError(f"{path}: no line can be used, {cause}; write lines with audio_filepath and text")
    return clips, rejected


def _clip(
    sound: str, record: Mapping[str, Any], header: Probe | UnreadableAudioError, where: str, least: float
) -> Clip | str:
    """The utterance of a line, or why it cannot be used. Raises UserError for times that are no numbers."""
    times = {key: record[key] for key in ("offset", "duration") if record.get(key) is not None}
    offset = seconds_of({"offset": 0.0, **times}, "offset", where)
    asked = seconds_of(times, "duration", where) if "duration" in times else None
    if isinstance(header, UnreadableAudioError):
        return header.reason
    text = record.get("text")
    label = normalise(text) if isinstance(text, str) and is_text(text) else ""
    if not label:
        return 'has an empty "text"' if "text" in record else 'has no "text"'
    rest = header.duration - offset
    if rest <= 0 or (asked is not None and asked > rest + OVERHANG):
        stretch = f"from {offset:.2f} s" + ("" if asked is None else f" to {offset + asked:.2f} s")
        return f"lasts {header.duration:.2f} s, and the manifest wants it {stretch}"
    duration = rest if asked is None else min(asked, rest)
    if flaw := too_short(duration, least):
        return flaw
    speaker = record.get("speaker")
    return Clip(sound, duration, label, offset, None if speaker in (None, "") else str(speaker))


def deal(
    clips: Sequence[Clip], folder: Path, fractions: Mapping[str, float]
) -> tuple[dict[str, list[Clip]], str]:
    """Deal utterances out to training and the splits of `fractions`, and say what they were split by.

    By speaker where most clips name one and there are enough of them, else by file: what was cut from one
    file stays together. Both splits get something where there are three speakers or files.
    """
    named = [clip.speaker for clip in clips if clip.speaker]
    by_speaker = 2 * len(named) > len(clips) and len(set(named)) >= LEAST
    keys = [
        clip.speaker if by_speaker and clip.speaker else relative_path(clip.path, str(folder))
        for clip in clips
    ]
    chosen = assign(keys, {"validation": 0.0, "test": 0.0} | dict(fractions))
    splits: dict[str, list[Clip]] = {split: [] for split in ("train", *fractions)}
    for clip, key in zip(clips, keys, strict=True):
        splits[chosen[key] if chosen[key] in splits else "train"].append(clip)
    if by_speaker:
        return splits, f"Split by speaker: the manifest names {len(set(named))} of them."
    few = f"only {len(set(named))} speakers" if named else "no speakers"
    return splits, f"Split by file: the manifest names {few}, so test voices may be heard in training."


def _shared_notes(splits: Mapping[str, Sequence[Clip]]) -> list[str]:
    """A plain sentence for every two splits that share sound files or speakers."""
    notes = []
    for one, other in combinations(splits, 2):
        files = {clip.path for clip in splits[one]} & {clip.path for clip in splits[other]}
        speakers = {clip.speaker for clip in splits[one]} & {clip.speaker for clip in splits[other]} - {None}
        if files:
            notes.append(f"{len(files)} sound files are in both {one} and {other}: {other} is no fair test.")
        elif speakers:
            notes.append(
                f"{len(speakers)} speakers are in both {one} and {other}: {other} tests no new voices."
            )
    return notes


def _absolute(path: str) -> Path:
    return Path(os.path.abspath(Path(path).expanduser()))
