"""What a corpus is made of, and the JSON-lines manifests that NeMo and this toolkit read alike.

One line a clip: `audio_filepath`, `duration` and `offset` in seconds, `command` (a keyword) or `text` (a
sentence), and `speaker` where it is known. A path below the manifest's folder is written relative to it, so
that a corpus can be moved together with its manifests; any other is written absolute.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechsrt.errors import UserError

SPLITS = ("train", "validation", "test")
LONGEST = 1e9
"""Seconds; no sound file is as long, and a manifest that says so is wrong."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled stretch of a sound file: `offset` and `duration` in seconds of the file.

    `near` tells that it is no word but was made to sound nearly like one.
    """

    path: str
    duration: float
    label: str
    offset: float = 0.0
    speaker: str | None = None
    near: bool = False


@dataclass
class Contents:
    """Everything a corpus holds once it is loaded.

    `labels` is the order of the classes; `splits` and `noise` (stretches of background noise, disjoint in
    time between splits, possibly none) have at least train, validation and test; `rejected` lists (path,
    reason) of files left out; `notes` are plain sentences for the user.
    """

    labels: tuple[str, ...]
    splits: dict[str, list[Clip]]
    noise: dict[str, list[Clip]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    rejected: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def write_manifest(path: str | os.PathLike[str], clips: Iterable[Clip], key: str = "command") -> None:
    """Write clips as JSON lines, the label under `key`; the file appears whole or not at all."""
    path = Path(path)
    folder = Path(os.path.abspath(path.parent))
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        for clip in clips:
            file.write(json.dumps(_record(clip, folder, key), ensure_ascii=False) + "\n")
    temporary.replace(path)


def read_manifest(path: str | os.PathLike[str], key: str = "command") -> list[Clip]:
    """Read clips from JSON lines. Raises UserError naming file and line where a line cannot be understood."""
    folder = Path(os.path.abspath(Path(path).parent))
    return [_clip(record, folder, key, where) for where, record in read_records(path)]


def read_records(path: str | os.PathLike[str]) -> list[tuple[str, dict[str, Any]]]:
    """Read the objects of JSON lines, each with the place (`FILE:LINE`) it has; empty lines are skipped.

    Raises UserError for a file that cannot be read, and naming the place of a line that is no object.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path}: no such manifest; check the path") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; a manifest holds one JSON object a line") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    places = ((f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip())
    return [(where, _record_of(line, where)) for where, line in places]


def split_hash(clips: Sequence[Clip], root: str | os.PathLike[str]) -> str:
    """SHA-256 over what is in a split: sorted lines of path below `root`, offset, duration and label.

    It does not depend on where `root` is, nor on the order of the clips; times count to 0.1 ms.
    """
    base = os.path.abspath(root)
    lines = sorted(
        f"{relative_path(clip.path, base)}\t{clip.offset:.4f}\t{clip.duration:.4f}\t{clip.label}"
        for clip in clips
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def relative_path(path: str, folder: str) -> str:
    """Return `path` relative to `folder`, with forward slashes, where it lies beneath; else absolute."""
    absolute = Path(os.path.abspath(path))
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()


def _record(clip: Clip, folder: Path, key: str) -> dict[str, Any]:
    record = {
        "audio_filepath": relative_path(clip.path, str(folder)),
        "duration": clip.duration,
        "offset": clip.offset,
        key: clip.label,
    }
    return record if clip.speaker is None else {**record, "speaker": clip.speaker}


def _record_of(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: is not JSON ({error.msg}); write one JSON object a line") from None
    if not isinstance(record, dict):
        raise UserError(f"{where}: is not a JSON object; write {{...}} with audio_filepath and duration")
    return record


def _clip(record: dict[str, Any], folder: Path, key: str, where: str) -> Clip:
    speaker = record.get("speaker")
    return Clip(
        path=audio_path(record, folder, where),
        duration=seconds_of(record, "duration", where),
        label=_text(record, key, where),
        offset=seconds_of({"offset": 0.0, **record}, "offset", where),
        speaker=None if speaker is None else str(speaker),
    )


def audio_path(record: dict[str, Any], folder: Path, where: str) -> str:
    """Return the sound file of a record in a manifest in `folder`. Raises UserError if it has none."""
    return os.path.normpath(folder / _text(record, "audio_filepath", where))


def seconds_of(record: dict[str, Any], key: str, where: str) -> float:
    """Return a time in seconds. Raises UserError naming the place `where` if it is absent or no time."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
        problem = "lacks" if key not in record else "has no valid"
        raise UserError(f'{where}: {problem} "{key}"; write it in seconds, zero or more')
    return float(value)


def is_text(value: object) -> bool:
    """Whether a value of a record is text that files can hold: no NUL, no half of a surrogate pair."""
    return isinstance(value, str) and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _text(record: dict[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if not is_text(value):
        problem = "lacks" if key not in record else "has no text under"
        raise UserError(f'{where}: {problem} "{key}"; add it as a string')
    return str(value)
