"""A whole keyword corpus in memory, batches cut from it where it lies: on the processor or the GPU.

A clip is a row of 16-bit samples; ten thousand clips of a second take 320 MB. Files are read once, by
threads; an epoch then costs one row copy a clip.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechsrt.audio.draws import uniform, whole
from speechsrt.audio.files import UnreadableAudioError, read
from speechsrt.corpora.manifest import Clip

FULL_SCALE = 32768.0
Progress = Callable[[str, int, int], None]


@dataclass
class Batch:
    """Clips ready to train on.

    Attributes:
        waveform: ``(B, samples)`` float32, full scale at 1.
        label: ``(B,)`` class numbers.
        index: ``(B,)`` what each clip's random draws go by; a repeated clip has a new number each time.
    """

    waveform: Tensor
    label: Tensor
    index: Tensor


@dataclass(frozen=True)
class ResidentClips:
    """Clips of one length in memory: samples ``(N, samples)`` int16, class numbers ``(N,)``, file names."""

    samples: Tensor
    label: Tensor
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def to(self, device: torch.device) -> "ResidentClips":
        """Return the same clips on a device."""
        return replace(self, samples=self.samples.to(device), label=self.label.to(device))

    def over(self, noise: Tensor, snr: float) -> "ResidentClips":
        """Return the same clips over stretches of noise ``(M,)``, the same for the same clip each time.

        Args:
            noise: at the clips' rate; repeated where it is shorter than a clip.
            snr: mean power of a clip, all of it, over that of the noise under it, in dB. What then exceeds
                full scale is cut off there, as a microphone would.
        """
        clips, samples = self.samples.shape
        bank = noise.repeat(-(-samples // len(noise)))
        places = uniform(0, 0, torch.arange(clips), 0, 1)[:, 0]
        starts = whole(places, len(bank) - samples + 1).tolist()
        mixed = torch.empty_like(self.samples)
        for number, start in enumerate(starts):
            clip, under = self.samples[number].float(), bank[start : start + samples] * FULL_SCALE
            power = clip.square().mean() * 10 ** (-snr / 10)
            gain = (power / under.square().mean().clamp(min=1e-10)).sqrt()
            mixed[number] = (clip + gain * under).round().clamp(-FULL_SCALE, FULL_SCALE - 1)
        return replace(self, samples=mixed)

    def batch(self, index: Tensor) -> Batch:
        """Return the batch of clips ``index % N`` (B,)."""
        index = index.to(self.samples.device)
        rows = index % len(self)
        return Batch(self.samples[rows].float() / FULL_SCALE, self.label[rows], index)


def read_clips(
    clips: Sequence[Clip],
    labels: Sequence[str],
    sample_rate: int,
    clip_seconds: float,
    progress: Progress | None = None,
    rejected: list[tuple[str, str]] | None = None,
) -> ResidentClips:
    """Read clips into memory, each cut to its middle or filled with zeros behind.

    Args:
        clips: what to read.
        labels: the words; a clip's class is its label's place here.
        sample_rate: samples a second to resample to.
        clip_seconds: length of every row.
        progress: called with a description, clips done and clips in all.
        rejected: where given, files that cannot be decoded are listed here with the reason and left out.

    Raises:
        UnreadableAudioError: a file cannot be decoded and `rejected` is None.
    """
    samples = round(clip_seconds * sample_rate)
    rows = np.zeros((len(clips), samples), np.int16)

    def fill(number: int) -> tuple[str, str] | None:
        clip = clips[number]
        try:
            rows[number] = _row(read(clip.path, sample_rate, clip.offset, clip.duration), samples)
        except UnreadableAudioError as error:
            if rejected is None:
                raise
            return (error.path, error.reason)
        return None

    kept = []
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for number, failure in enumerate(pool.map(fill, range(len(clips)), chunksize=64)):
            if failure is None:
                kept.append(number)
            elif rejected is not None:
                rejected.append(failure)
            if progress and (number % 256 == 255 or number + 1 == len(clips)):
                progress("reading clips", number + 1, len(clips))
    return _collect(clips, labels, rows, kept)


def read_noise(stretches: Sequence[Clip], sample_rate: int) -> Tensor:
    """Return stretches of noise one after another, ``(samples,)`` float32; empty where there are none."""
    parts = [read(clip.path, sample_rate, clip.offset, clip.duration) for clip in stretches]
    return torch.from_numpy(np.concatenate(parts)) if parts else torch.empty(0)


def _collect(clips: Sequence[Clip], labels: Sequence[str], rows: NDArray, kept: list[int]) -> ResidentClips:
    place = {word: number for number, word in enumerate(labels)}
    label = torch.tensor([place[clips[number].label] for number in kept], dtype=torch.long)
    whole = rows if len(kept) == len(rows) else rows[kept]
    return ResidentClips(torch.from_numpy(whole), label, [_name(clips[number]) for number in kept])


def _name(clip: Clip) -> str:
    return clip.path if clip.offset == 0 else f"{clip.path}@{clip.offset:.2f}s"


def _row(sound: NDArray, samples: int) -> NDArray:
    start = max(0, len(sound) - samples) // 2
    middle = sound[start : start + samples]
    row = np.zeros(samples, np.int16)
    row[: len(middle)] = np.clip(np.rint(middle * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    return row
