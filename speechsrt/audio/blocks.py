"""Sound that is too long to be held: a file or a microphone as mono blocks at the rate that is wanted."""

import importlib
import queue
import threading
from collections.abc import Iterable, Iterator
from math import gcd
from os import PathLike
from typing import Any

import numpy as np
import soundfile
import torch
import torchaudio.functional as AF
from torch import Tensor

from speechsrt.audio.files import UnreadableAudioError, explain, probe, read
from speechsrt.errors import UserError

BLOCK_SECONDS = 10.0
MICROPHONE_SECONDS = 0.05
ZERO_CROSSINGS = 16
"""Of the filter that resamples, at either side."""
LARGEST_FILTER = 1 << 20
"""Its taps for all phases, about: between rates that have little in common a file is resampled as a whole."""
WAITING_BLOCKS = 600
"""So many blocks of the microphone may wait, half a minute."""
SILENT_SECONDS = 5.0


def file_blocks(
    path: str | PathLike[str], sample_rate: int, seconds: float = BLOCK_SECONDS
) -> Iterator[Tensor]:
    """Yield a sound file in blocks ``(samples,)``, float32 mono at `sample_rate`.

    Of a rate that has little in common with `sample_rate`, such as 11,127 Hz, it is read as a whole first.

    Raises:
        UnreadableAudioError: nothing can be read, or a sample is not a finite number.
    """
    rate = probe(path).sample_rate
    if rate * sample_rate // gcd(rate, sample_rate) ** 2 > LARGEST_FILTER:
        yield from torch.from_numpy(read(path, sample_rate)).split(round(seconds * sample_rate))
        return
    yield from at_rate(_file_blocks(path, round(seconds * rate)), rate, sample_rate)


def _file_blocks(path: str | PathLike[str], length: int) -> Iterator[Tensor]:
    try:
        with soundfile.SoundFile(str(path)) as file:
            for frames in file.blocks(length, dtype="float32", always_2d=True):
                if not np.isfinite(frames).all():
                    raise UnreadableAudioError(path, "holds samples that are not finite numbers")
                yield torch.from_numpy(frames.mean(axis=1))
    except (soundfile.LibsndfileError, OSError) as error:
        raise explain(path, error) from None


def microphone_blocks(sample_rate: int, seconds: float = MICROPHONE_SECONDS) -> Iterator[Tensor]:
    """Yield what the microphone hears, at its own rate brought to `sample_rate`, until interrupted.

    Raises:
        UserError: the extra is not installed, there is no microphone, it gives nothing any more, or what it
            gives is not taken as fast as it comes.
    """
    try:
        sounddevice: Any = importlib.import_module("sounddevice")
    except (ImportError, OSError) as error:  # OSError: PortAudio's library is missing
        raise UserError(
            f'input=mic: needs sounddevice and PortAudio; type: pip install "speechsrt[mic]" ({error})'
        ) from None
    heard: queue.Queue[np.ndarray] = queue.Queue(WAITING_BLOCKS)
    lost = threading.Event()

    def hear(block: np.ndarray, *_: Any) -> None:
        try:
            heard.put_nowait(block[:, 0].copy())
        except queue.Full:
            lost.set()

    try:
        rate = round(sounddevice.query_devices(kind="input")["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=rate,
            blocksize=round(seconds * rate),
            channels=1,
            dtype="float32",
            callback=hear,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise UserError(f"input=mic: there is no microphone to listen to ({error})") from None

    def listen() -> Iterator[Tensor]:
        with stream:
            while True:
                try:
                    yield torch.from_numpy(heard.get(timeout=SILENT_SECONDS))
                except queue.Empty:
                    raise UserError("input=mic: the microphone gives nothing any more; plug it in") from None
                if lost.is_set():
                    raise UserError("input=mic: the model is too slow; write step_seconds=0.2 or more")

    yield from at_rate(listen(), rate, sample_rate)


def at_rate(blocks: Iterable[Tensor], rate: int, target: int) -> Iterator[Tensor]:
    """Resample a sound that comes in blocks: they join to what the whole sound gives, to rounding.

    A sample of the result needs no more than a margin of the sound around it, so every block is resampled
    with the margins of its neighbours, silence before the first and behind the last.
    """
    if rate == target:
        yield from blocks
        return
    step, made = rate // gcd(rate, target), target // gcd(rate, target)
    margin = (int((ZERO_CROSSINGS + 1) * max(rate / target, 1.0) / 0.98) // step + 1) * step
    held, came, gave = torch.zeros(margin), 0, 0
    for block in blocks:
        came += len(block)
        held = torch.cat([held, block])
        whole = (len(held) - 2 * margin) // step
        if whole > 0:
            yield _middle(held[: 2 * margin + whole * step], step, made, margin)
            held, gave = held[whole * step :], gave + whole * made
    rest = _middle(torch.cat([held, torch.zeros(margin + step)]), step, made, margin)
    yield rest[: -(-came * made // step) - gave]


def _middle(sound: Tensor, step: int, made: int, margin: int) -> Tensor:
    """Resample, and leave out what comes of the margins."""
    edge = margin // step * made
    resampled: Any = AF.resample(sound, step, made, ZERO_CROSSINGS)
    return resampled[edge : edge + (len(sound) - 2 * margin) // step * made]
