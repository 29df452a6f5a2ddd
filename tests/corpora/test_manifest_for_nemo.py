"""What NVIDIA NeMo's reader of manifests asks of a line, and that ours have it.

Its rules (``nemo.collections.common.parts.preprocessing.manifest`` of NeMo 3.0): one JSON object a line,
empty lines skipped; ``audio_filepath``, which is sought as it is and, where that is no file, beside the
manifest; ``duration`` in seconds; ``text``, or ``command`` for keywords; ``offset``, by default 0.
``scripts/peer/nemo_trains_our_manifest.py`` has NeMo itself train on one.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.manifest import Clip, write_manifest

words = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=8).filter(
    lambda text: text not in (".", "..")
)
clips = st.builds(
    Clip,
    path=st.lists(words, min_size=1, max_size=3).map("/".join),
    duration=st.floats(0.01, 1e4),
    label=words,
    offset=st.floats(0, 1e4),
    speaker=st.none() | words,
)


def as_nemo_reads(manifest: Path, key: str) -> list[dict[str, Any]]:
    """Return the entries of a manifest by the rules above."""
    lines = [line.strip() for line in manifest.read_text(encoding="utf-8").split("\n")]
    return [_entry(json.loads(line), manifest.parent, key) for line in lines if line]


def _entry(line: dict[str, Any], folder: Path, key: str) -> dict[str, Any]:
    path = line["audio_filepath"]
    beside = path if os.path.isabs(path) or os.path.isfile(path) else str(folder / path)
    assert isinstance(line["duration"], float)
    assert isinstance(line.get("offset", 0.0), float)
    assert isinstance(line[key], str)
    return {"path": beside, "duration": line["duration"], "offset": line["offset"], "label": line[key]}


@given(st.lists(clips, max_size=4), st.booleans(), st.sampled_from(["text", "command"]))
def test_nemo_finds_every_clip(
    tmp_path_factory: pytest.TempPathFactory, given_clips: list[Clip], inside: bool, key: str
) -> None:
    root = tmp_path_factory.mktemp("corpus")
    sounds = root / "manifests" if inside else root / "sounds"
    placed = [
        Clip(str(sounds / clip.path), clip.duration, clip.label, clip.offset, clip.speaker)
        for clip in given_clips
    ]
    write_manifest(root / "manifests" / "train.json", placed, key)
    read = as_nemo_reads(root / "manifests" / "train.json", key)
    assert read == [
        {
            "path": os.path.abspath(clip.path),
            "duration": clip.duration,
            "offset": clip.offset,
            "label": clip.label,
        }
        for clip in placed
    ]
