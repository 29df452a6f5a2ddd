"""``speechsrt spot``: keywords in files of any length or from the microphone, one JSON object a detection.

Detections are printed as they are made. What that cost and how late it is go to stderr.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speechsrt.audio.blocks import file_blocks, microphone_blocks
from speechsrt.audio.files import UnreadableAudioError, probe
from speechsrt.commands.device import device_of
from speechsrt.commands.foreign import check_typed
from speechsrt.commands.screen import console, say_rejected
from speechsrt.decoding.spotting import HOW, Operating
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.stream import Stream, spotted

MICROPHONE = "mic"
KEYS = ("threshold", *HOW)


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows before anything is heard."""
    _parts(config)


def run(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Spot; print one JSON object a detection to stdout and return those of files.

    Of a folder, files that cannot be read are listed with the reason and left out.

    Raises:
        UserError: the one file named cannot be read, or a folder holds no sound file.
    """
    model, how = _parts(config)
    source, found, rejected = config["input"], [], []
    heard, began = 0.0, time.perf_counter()
    for name, blocks in _sounds(source, model.sample_rate, rejected):
        counted = _Counted(blocks)
        try:
            for detection in _told(name, model, how, counted):
                if name != MICROPHONE:
                    found.append(detection)
                print(json.dumps(detection, ensure_ascii=False), flush=True)
        except UnreadableAudioError as error:
            if source == name:
                raise
            rejected.append((error.path, error.reason))
        except KeyboardInterrupt:
            if name != MICROPHONE:  # which is listened to until somebody stops it
                raise
        heard += counted.samples / model.sample_rate
    say_rejected(rejected)
    if not heard:
        raise UserError(f"input={source}: holds no sound that can be read")
    spent, latency = time.perf_counter() - began, Stream(model, how.step_seconds).latency
    console.print(
        f"{heard:.1f} s of sound in {spent:.1f} s: {1000 * spent / heard:.1f} ms a second of sound on "
        f"{torch.get_num_threads()} threads; what is heard is scored within {1000 * latency:.0f} ms, "
        f"the mean of {how.windows(how.smooth_seconds)} windows"
    )
    return found


class _Counted:
    """Blocks, and how many samples they had."""

    def __init__(self, blocks: Iterable[Tensor]) -> None:
        self.blocks, self.samples = blocks, 0

    def __iter__(self) -> Iterator[Tensor]:
        for block in self.blocks:
            self.samples += len(block)
            yield block


def _parts(config: dict[str, Any]) -> tuple[KeywordModel, Operating]:
    """Return the model, where it is to run, and how to spot."""
    for key, what in (
        ("checkpoint", "a run folder, a .ckpt or a model.safetensors"),
        ("input", f"a sound file, a folder of them or {MICROPHONE}"),
    ):
        if config[key] is None:
            raise UserError(f"{key}=: name {what}")
    model = package.load_keywords(config["checkpoint"]).to(device_of(config))
    check_typed(model.task, config)
    if config["input"] != MICROPHONE and not Path(config["input"]).exists():
        raise UserError(f"input={config['input']}: there is no such file or folder")
    typed = {key: float(config[key]) for key in KEYS if config[key] is not None}
    how = replace(model.how, **typed)
    Stream(model, how.step_seconds)
    return model, how


def _sounds(
    source: str, sample_rate: int, rejected: list[tuple[str, str]]
) -> Iterator[tuple[str, Iterable[Tensor]]]:
    """Yield the name of every sound, and its blocks."""
    if source == MICROPHONE:
        yield MICROPHONE, microphone_blocks(sample_rate)
    elif not Path(source).is_dir():
        yield source, file_blocks(source, sample_rate)
    else:
        for path in sorted(path for path in Path(source).rglob("*") if path.is_file()):
            try:
                probe(path)
                yield str(path), file_blocks(path, sample_rate)
            except UnreadableAudioError as error:
                rejected.append((error.path, error.reason))


def _told(
    name: str, model: KeywordModel, how: Operating, blocks: Iterable[Tensor]
) -> Iterator[dict[str, Any]]:
    for detection in spotted(model, how, blocks):
        yield {
            "file": name,
            "start": round(detection.start, 3),
            "end": round(detection.end, 3),
            "word": detection.word,
            "score": round(detection.score, 4),
        }
