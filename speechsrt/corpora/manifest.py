"""What a corpus is made of, and the JSON-lines manifests that NeMo and this toolkit read alike.

One line a clip: `audio_filepath`, `duration` and `offset` in seconds, `command` (a keyword) or `text` (a
sentence), and `speaker` where it is known. A path below the manifest's folder is written relative to it, so
that a corpus can be moved together with its manifests; any other is written absolute.
"""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechsrt.errors import UserError

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled stretch of a sound file: `offset` and `duration` in seconds of the file."""

    path: str
    duration: float
    label: str
    offset: float = 0.0
    speaker: str | None = None


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
    path = Path(path)
    folder = Path(os.path.abspath(path.parent))
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path}: no such manifest; check the path") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: is not UTF-8 text; a manifest holds one JSON object a line") from None
    return [
        _clip(line, folder, key, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()
    ]


def split_hash(clips: Sequence[Clip], root: str | os.PathLike[str]) -> str:
    """SHA-256 over what is in a split: sorted lines of path below `root`, offset, duration and label.

    It does not depend on where `root` is, nor on the order of the clips; times count to 0.1 ms.
    """
    base = os.path.abspath(root)
    lines = sorted(
        f"{_below(clip.path, base)}\t{clip.offset:.4f}\t{clip.duration:.4f}\t{clip.label}" for clip in clips
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _below(path: str, folder: str) -> str:
    """`path` relative to `folder`, with forward slashes, where it lies beneath; else absolute."""
    absolute = Path(os.path.abspath(path))
    return (absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute).as_posix()


def _record(clip: Clip, folder: Path, key: str) -> dict[str, Any]:
    record = {
        "audio_filepath": _below(clip.path, str(folder)),
        "duration": clip.duration,
        "offset": clip.offset,
        key: clip.label,
    }
    return record if clip.speaker is None else {**record, "speaker": clip.speaker}


def _clip(line: str, folder: Path, key: str, where: str) -> Clip:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: is not JSON ({error.msg}); write one JSON object a line") from None
    if not isinstance(record, dict):
        raise UserError(
            f"{where}: is not a JSON object; write {{...}} with audio_filepath, duration and {key}"
        )
    speaker = record.get("speaker")
    return Clip(
        path=os.path.normpath(folder / _text(record, "audio_filepath", where)),
        duration=_seconds(record, "duration", where),
        label=_text(record, key, where),
        offset=_seconds({"offset": 0.0, **record}, "offset", where),
        speaker=None if speaker is None else str(speaker),
    )


def _text(record: dict[str, Any], key: str, where: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        problem = "lacks" if key not in record else "has no text under"
        raise UserError(f'{where}: {problem} "{key}"; add it as a string')
    return value


def _seconds(record: dict[str, Any], key: str, where: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        problem = "lacks" if key not in record else "has no valid"
        raise UserError(f'{where}: {problem} "{key}"; write it in seconds, zero or more')
    return float(value)
