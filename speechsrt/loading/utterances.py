"""Utterances of any length: kept in memory where they fit, else read from their files when they are due.

An item is asked for as ``(number, speed)``; at another speed than 1 the samples are resampled, so that pitch
goes with speed (Ko et al. 2015). A batch holds its utterances side by side, zeros behind the shorter ones.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechsrt.audio.files import UnreadableAudioError, read, resample
from speechsrt.corpora.manifest import Clip
from speechsrt.loading.resident import FULL_SCALE, Progress

Encode = Callable[[str], list[int]]


@dataclass
class UtteranceBatch:
    """Utterances ready to train on.

    Attributes:
        waveform: ``(B, samples)`` float32, full scale at 1.
        lengths: ``(B,)`` samples of each.
        targets: ``(sum of target_lengths,)`` their tokens, one utterance after another.
        target_lengths: ``(B,)`` tokens of each.
        index: ``(B,)`` the utterances' numbers, by which random draws go.
    """

    waveform: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    index: Tensor


class Utterances:
    """The utterances of a split, by number.

    Args:
        clips: what there is; a clip's label is its text.
        encode: turns a text into tokens.
        sample_rate: samples a second to bring everything to.
    """

    def __init__(self, clips: Sequence[Clip], encode: Encode, sample_rate: int) -> None:
        self.clips, self.sample_rate = list(clips), sample_rate
        self.tokens = [np.asarray(encode(clip.label), np.int64) for clip in clips]
        self.seconds = np.array([clip.duration for clip in clips])
        self.held: list[NDArray[np.int16]] | None = None

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def names(self) -> list[str]:
        """The files' names, an offset behind those that lie inside a file."""
        return [clip.path if clip.offset == 0 else f"{clip.path}@{clip.offset:.2f}s" for clip in self.clips]

    @property
    def texts(self) -> list[str]:
        """The transcripts."""
        return [clip.label for clip in self.clips]

    def hold(
        self, progress: Progress | None = None, rejected: list[tuple[str, str]] | None = None
    ) -> "Utterances":
        """Read all into memory as 16-bit samples; return self, or what is left where files are `rejected`.

        Raises:
            UnreadableAudioError: a file cannot be decoded and `rejected` is None.
        """
        kept: list[int] = []
        sounds: list[NDArray[np.int16]] = []
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for number, sound in enumerate(pool.map(self._try, range(len(self)))):
                if not isinstance(sound, UnreadableAudioError):
                    kept.append(number)
                    sounds.append(sound)
                elif rejected is None:
                    raise sound
                else:
                    rejected.append((sound.path, sound.reason))
                if progress and (number % 64 == 63 or number + 1 == len(self)):
                    progress("reading utterances", number + 1, len(self))
        left = self if len(kept) == len(self) else self.part(kept)
        left.held = sounds
        return left

    def part(self, numbers: Sequence[int]) -> "Utterances":
        """Return some of the utterances."""
        part = object.__new__(Utterances)
        part.clips, part.sample_rate = [self.clips[n] for n in numbers], self.sample_rate
        part.tokens, part.seconds = [self.tokens[n] for n in numbers], self.seconds[list(numbers)]
        part.held = None if self.held is None else [self.held[n] for n in numbers]
        return part

    def sound(self, number: int, speed: float = 1.0) -> NDArray[np.float32]:
        """Return an utterance's samples ``(samples,)`` float32, played `speed` times as fast.

        Raises:
            UnreadableAudioError: its file cannot be decoded.
        """
        held = self._read(number) if self.held is None else np.float32(1 / FULL_SCALE) * self.held[number]
        if speed == 1.0:
            return held
        return resample(held, round(self.sample_rate * speed), self.sample_rate)

    def batch(self, items: Sequence[tuple[int, float]]) -> UtteranceBatch:
        """Return the batch of ``(number, speed)``s."""
        sounds = [self.sound(number, speed) for number, speed in items]
        waveform = torch.zeros(len(sounds), max(map(len, sounds), default=0))
        for row, sound in zip(waveform, sounds, strict=True):
            row[: len(sound)] = torch.from_numpy(sound)
        tokens = [self.tokens[number] for number, _ in items]
        return UtteranceBatch(
            waveform,
            torch.tensor([len(sound) for sound in sounds], dtype=torch.long),
            torch.from_numpy(np.concatenate(tokens)) if tokens else torch.zeros(0, dtype=torch.long),
            torch.tensor([len(some) for some in tokens], dtype=torch.long),
            torch.tensor([number for number, _ in items], dtype=torch.long),
        )

    def _read(self, number: int) -> NDArray[np.float32]:
        clip = self.clips[number]
        return read(clip.path, self.sample_rate, clip.offset, clip.duration)

    def _try(self, number: int) -> NDArray[np.int16] | UnreadableAudioError:
        try:
            sound = self._read(number)
        except UnreadableAudioError as error:
            return error
        return np.clip(np.rint(sound * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
