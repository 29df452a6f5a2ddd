"""A corpus made of nothing: words spoken in many voices, with noise, level and place varied.

The same settings give the same bits, in splits that share no voice (`speechsrt.corpora.takes`). The folder's
name carries a hash of the settings, and it appears whole or not at all.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import soundfile

from speechsrt.audio.files import resample
from speechsrt.audio.piper import Piper
from speechsrt.audio.speakers import Speakers
from speechsrt.audio.synthesis import FASTEST
from speechsrt.corpora.download import Progress
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.near import NUMBERS
from speechsrt.corpora.settings import (
    check_number,
    check_positive,
    check_sample_rate,
    check_whole,
    check_words,
)
from speechsrt.corpora.takes import NEAR, Plan, Take, deal_voices
from speechsrt.decoding.spotting import SILENCE, UNKNOWN
from speechsrt.errors import UserError

RECIPE = 3
"""Counts up whenever the same settings would give other samples."""

MARKER = "synthesis.json"


class Synthetic:
    """Words or phrases in any language of espeak-ng, `clips_per_word` of each for training.

    With `near` there is a class `unknown` of so many times as many clips, of phrases that sound nearly like
    the words (`speechsrt.corpora.near`), none of them in two splits; with `other` so many
    times `clips_per_word` of made-up words come to it; with either there is a class `silence` of
    `clips_per_word` of noise. The voices of piper in the folder `piper` speak beside espeak-ng's, as often
    as any of them.
    """

    task: ClassVar[str] = "keyword"
    lenient: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        language: str = "en",
        clips_per_word: int = 200,
        held_out_clips_per_word: int = 40,
        near: float = 0.0,
        snr: Sequence[float] = (0.0, 20.0),
        seed: int = 0,
        clip_seconds: float = 1.0,
        sample_rate: int = 16000,
        piper: str | None = None,
        other: float = 0.0,
    ):
        """Raises UserError naming the key of a setting that makes no sense."""
        self.name = name
        self.words = tuple(sorted(check_words(words) or ()))
        if not self.words:
            raise UserError('data.words=null: name the words to speak, as in data.words=["yes","no"]')
        self.language = _check_language(language)
        held_out = check_whole(held_out_clips_per_word, "data.held_out_clips_per_word", 1)
        train = check_whole(clips_per_word, "data.clips_per_word", 1)
        self.counts = {"train": train, "validation": held_out, "test": held_out}
        self.near, self.other = _check_share(near, "data.near"), _check_share(other, "data.other")
        for label in (UNKNOWN, SILENCE) if self.near or self.other else ():
            if label in self.words:
                made = f"data.near={near}" if near else f"data.other={other}"
                raise UserError(f'{made}: makes a class "{label}"; leave it out of data.words')
        self.snr = _check_snr(snr)
        self.seed = check_whole(seed, "data.seed", 0)
        self.clip_seconds = check_positive(clip_seconds, "data.clip_seconds")
        self.sample_rate = check_sample_rate(sample_rate)
        self.piper = None if piper is None else Piper(piper, self.language)

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The words, sorted, with `unknown` and `silence` among them where there are such classes."""
        return tuple(sorted((*self.words, UNKNOWN, SILENCE))) if self.near or self.other else self.words

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """The clips below `data_root`, spoken first where that has not been done; nothing is downloaded.

        Raises UserError where espeak-ng is absent or does not speak the language or a word, and where a word
        is longer than a clip.
        """
        folder = self.folder(Path(data_root))
        if not (folder / MARKER).exists():
            self._make(folder, progress)
        made = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        splits = {split: self._scan(folder / split) for split in SPLITS}
        voices = " / ".join(str(len(made["voices"][split])) for split in SPLITS)
        note = f"{folder.name}: espeak-ng {made['espeak_ng']} in {voices} voices (train / validation / test)."
        return Contents(self.labels(data_root), splits, notes=[note])

    def folder(self, data_root: Path) -> Path:
        """Where these settings' clips lie."""
        settings = json.dumps(self._settings(), sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(settings.encode()).hexdigest()[:12]
        return Path(data_root).absolute() / "synthetic" / f"{self.language}-{len(self.words)}-words-{digest}"

    def _settings(self) -> dict[str, Any]:
        return {
            "recipe": RECIPE,
            "words": self.words,
            "language": self.language,
            "counts": self.counts,
            "snr": self.snr,
            "seed": self.seed,
            "clip_seconds": self.clip_seconds,
            "sample_rate": self.sample_rate,
            **({"near": self.near} if self.near else {}),
            **({"other": self.other} if self.other else {}),
            **({"piper": self.piper.identity()} if self.piper else {}),
        }

    def _make(self, folder: Path, progress: Progress | None) -> None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with _locked(folder.with_name(folder.name + ".lock")):
                if not (folder / MARKER).exists():
                    self._speak_all(folder, progress)
        except OSError as error:
            raise UserError(
                f"{folder}: cannot be written ({error.strerror or error}); set data_root= to another folder"
            ) from None

    def _speak_all(self, folder: Path, progress: Progress | None) -> None:
        partial = folder.with_name(folder.name + ".partial")
        for leftover in (partial, folder):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            self._speak_into(partial, progress)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _speak_into(self, folder: Path, progress: Progress | None) -> None:
        with Speakers(self.language, self.piper, f"{NUMBERS} {' '.join(self.words)}") as speakers:
            voices = deal_voices(speakers.names, self.seed)
            takes = self._plan().takes(speakers, voices)
            for done, take in enumerate(takes, 1):
                self._write(folder / take.file, self._render(speakers, take))
                if progress and (done % 50 == 0 or done == len(takes)):
                    progress("synthesising speech", done, len(takes))
            made = {
                "settings": self._settings(),
                "espeak_ng": speakers.espeak.version,
                "accents": speakers.accents,
                "voices": voices,
            }
        marker = json.dumps(made, indent=1, ensure_ascii=False)
        (folder / MARKER).write_text(marker + "\n", encoding="utf-8")

    def _plan(self) -> Plan:
        return Plan(self.words, self.counts, self.near, self.other, self.clip_seconds, self.seed)

    def _render(self, speakers: Speakers, take: Take) -> np.ndarray:
        """One clip (T,): the word somewhere in it, over coloured noise, at some level."""
        clip = np.zeros(round(self.clip_seconds * self.sample_rate), dtype=np.float32)
        if take.word == SILENCE:
            noise = coloured_noise(len(clip), take.draw.uniform(0, 2), take.draw)
            return noise * (10 ** (take.draw.uniform(-50, -10) / 20) / np.abs(noise).max())
        speech = resample(*self._say(speakers, take), self.sample_rate)[: len(clip)]
        start = int(take.draw.integers(len(clip) - len(speech) + 1))
        noise = coloured_noise(len(clip), take.draw.uniform(0, 2), take.draw)
        ratio = 10 ** (take.draw.uniform(*self.snr) / 20)
        clip += noise * (np.sqrt(np.mean(speech**2)) / ratio)
        clip[start : start + len(speech)] += speech
        return clip * (10 ** (take.draw.uniform(-20, -1) / 20) / np.abs(clip).max())

    def _say(self, speakers: Speakers, take: Take) -> tuple[np.ndarray, int]:
        """The word as spoken, faster where it would not fit, and samples a second.

        Raises UserError if it is silent or too long.
        """
        rate, pitch, span = (int(take.draw.integers(*limits)) for limits in ((130, 200), (25, 76), (20, 81)))
        words = take.word if take.phrase is None else take.phrase
        speech, sample_rate = speakers.say(words, take.voice, take.accent, rate, pitch, span)
        longest = self.clip_seconds * sample_rate
        if len(speech) > longest:
            hurried = min(FASTEST, int(1.1 * rate * len(speech) / longest) + 1)
            speech, sample_rate = speakers.say(words, take.voice, take.accent, hurried, pitch, span)
        if not len(speech):
            raise UserError(
                f'data.words: "{take.word}" is silent in data.language={self.language}; leave it out'
            )
        if len(speech) > longest:
            needed = np.ceil(10 * len(speech) / sample_rate) / 10
            raise UserError(
                f'data.words: "{take.word}" does not fit data.clip_seconds={self.clip_seconds:g}; '
                f"write data.clip_seconds={needed:g} or more"
            )
        return speech, sample_rate

    def _write(self, path: Path, clip: np.ndarray) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(str(path), np.round(clip * 32767).astype(np.int16), self.sample_rate, "PCM_16")

    def _scan(self, folder: Path) -> list[Clip]:
        return [
            Clip(
                str(path),
                self.clip_seconds,
                word,
                speaker=path.stem.rpartition("_")[0],
                near=path.stem.endswith(NEAR),
            )
            for word in self.labels(folder)
            for path in sorted((folder / word).glob("*.wav"))
        ]


def coloured_noise(length: int, exponent: float, draw: np.random.Generator) -> np.ndarray:
    """(length,) float32 noise of unit power that falls as 1/f**exponent: 0 white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(draw.standard_normal(length))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (exponent / 2)
    noise = np.fft.irfft(spectrum, length)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock while speaking: two runs that start together must not write into one folder."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_language(language: object) -> str:
    if not isinstance(language, str) or not language.strip():
        raise UserError(f'data.language={language}: is not a language; write its tag in quotes, as in "en"')
    return language.strip().lower()


def _check_share(share: object, key: str) -> float:
    number = check_number(share, key)
    if number < 0:
        raise UserError(f"{key}={share}: must be 0, for none, or more")
    return number


def _check_snr(snr: object) -> tuple[float, float]:
    if not isinstance(snr, Sequence) or isinstance(snr, str) or len(snr) != 2:
        raise UserError(
            f"data.snr={snr}: is not a range; write two numbers of decibels, as in data.snr=[0,20]"
        )
    low, high = (check_number(value, "data.snr") for value in snr)
    if low > high:
        raise UserError(f"data.snr=[{low:g},{high:g}]: the lower number comes first")
    return low, high
