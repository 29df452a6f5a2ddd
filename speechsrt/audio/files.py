"""Sound files in, float32 mono out, with one readable sentence for every file that cannot be read.

Anything libsndfile decodes is accepted (wav, flac, ogg, opus, mp3, ...), judged by content and never by the
file's name. Channels are averaged; a rate other than the one asked for is resampled.
"""

import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import soundfile

from speechsrt.errors import UserError


class UnreadableAudioError(UserError):
    """A sound file that cannot be used; `path` says which, `reason` why, the message also what to do."""

    def __init__(self, path: str | PathLike[str], reason: str, remedy: str = "replace or remove the file"):
        super().__init__(f"{path}: {reason}; {remedy}")
        self.path = str(path)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Probe:
    """What a file's header tells: seconds, samples a second, channels."""

    duration: float
    sample_rate: int
    channels: int


def probe(path: str | PathLike[str]) -> Probe:
    """Read a sound file's header. Raises UnreadableAudioError where there is no sound to read."""
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, OSError) as error:
        raise explain(path, error) from None
    if info.frames <= 0 or info.samplerate <= 0:
        raise UnreadableAudioError(path, "holds no sound (a header without samples)")
    return Probe(info.frames / info.samplerate, info.samplerate, info.channels)


def read(
    path: str | PathLike[str], sample_rate: int, offset: float = 0.0, duration: float | None = None
) -> np.ndarray:
    """Read a stretch of a sound file as (T,) float32 mono at `sample_rate`.

    `offset` and `duration` are seconds in the file; without `duration` the rest of the file is read, and a
    stretch that runs past the end is returned as far as it goes. Raises UnreadableAudioError where nothing
    can be read, the stretch begins behind the end, or a sample is not a finite number.
    """
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            start = round(offset * rate)
            if start >= file.frames:
                raise UnreadableAudioError(path, _why_nothing(file.frames, rate, offset))
            file.seek(start)
            frames = file.read(-1 if duration is None else round(duration * rate), "float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise explain(path, error) from None
    wave = frames[:, 0] if frames.shape[1] == 1 else frames.mean(axis=1)
    if not np.isfinite(wave).all():
        raise UnreadableAudioError(path, "holds samples that are not finite numbers")
    return wave if rate == sample_rate else resample(wave, rate, sample_rate)


def resample(wave: np.ndarray, rate: int, target: int) -> np.ndarray:
    """Resample (T,) float32 from `rate` to `target` samples a second: (ceil(T * target / rate),).

    The spectrum is cut or extended, with a cosine taper over its top twentieth against ringing; outside the
    wave is silence. It is NumPy's because torchaudio's convolution spreads small operations over all cores:
    on a machine whose cores were busy that took 100 ms a clip instead of 1.
    """
    step = math.gcd(rate, target)
    margin = rate // 50  # silence that keeps the end from ringing into the beginning
    blocks = _fast_length(-(-(len(wave) + margin) * step // rate))
    before, after = blocks * (rate // step), blocks * (target // step)
    spectrum = np.fft.rfft(wave, before)[: min(before, after) // 2 + 1]
    tapered = len(spectrum) // 20
    spectrum[len(spectrum) - tapered :] *= 0.5 + 0.5 * np.cos(
        np.linspace(0, np.pi, tapered, dtype=np.float32)
    )
    resampled = np.fft.irfft(spectrum, after) * np.float32(after / before)
    return resampled[: -(-len(wave) * target // rate)].astype(np.float32)


def _fast_length(least: int) -> int:
    """The next length whose only large factor is a power of two: transforms of prime lengths are slow."""
    return min(odd << max(0, -(-least // odd) - 1).bit_length() for odd in (1, 3, 5, 9, 15))


def _why_nothing(frames: int, rate: int, offset: float) -> str:
    if frames <= 0:
        return "holds no sound (a header without samples)"
    return f"a clip at {offset:g} s begins behind the file's end at {frames / rate:g} s"


def explain(path: str | PathLike[str], error: Exception) -> UnreadableAudioError:
    """Turn libsndfile's refusal into a reason a person can act on."""
    file = Path(path)
    if file.is_dir():
        return UnreadableAudioError(path, "is a folder, not a sound file", "name a file")
    try:
        with file.open("rb") as opened:
            empty = not opened.read(1)
    except FileNotFoundError:
        return UnreadableAudioError(path, "does not exist", "check the path")
    except OSError as refusal:
        reason = f"cannot be opened ({refusal.strerror})"
        return UnreadableAudioError(path, reason, "check its permissions")
    if empty:
        return UnreadableAudioError(path, "is empty (0 bytes)")
    detail = getattr(error, "error_string", str(error)).rstrip(".")
    return UnreadableAudioError(path, f"is not a sound file that libsndfile reads ({detail})")
