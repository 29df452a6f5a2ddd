"""What training does to a clip: on the waveform (shift, speed, noises) and on the features (masks, cut-outs).

Every augmentation works on a whole batch where the batch lies, and draws by `speechsrt.audio.draws`, so that
a clip's fate depends on ``(seed, epoch, index)`` alone. White noise is cut from a fixed bank at a drawn
offset, which costs a fraction of drawing it anew.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from torch import Tensor, nn

from speechsrt.audio.draws import between, uniform, whole
from speechsrt.audio.rooms import Rooms
from speechsrt.errors import UserError

BANK_SAMPLES = 1 << 20


@dataclass(frozen=True)
class Key:
    """Whose draws: the run's seed, the epoch, and the numbers of the clips in the training set ``(B,)``."""

    seed: int
    epoch: int
    index: Tensor

    def uniform(self, stream: int, count: int) -> Tensor:
        """Return ``(B, count)`` draws in [0, 1) of one stream."""
        return uniform(self.seed, self.epoch, self.index, stream, count)


class WaveformAugment(nn.Module):
    """Waveforms ``(B, samples)`` to waveforms of the same shape, in the order of the arguments.

    Args:
        sample_rate: samples a second.
        speed: factors of which each clip draws one, such as ``[0.9, 1.0, 1.1]``; pitch goes with speed.
        shift_seconds: each clip moves by up to this time to either side; what is left is zeros.
        reverb_probability: share of clips that are heard in a room, one of `speechsrt.audio.rooms`.
        reverb_seconds: shortest and longest time in which the room's sound falls by 60 dB.
        colour_db: a microphone's response: gains up to this far to either side, drawn octave by octave.
        background_probability: share of clips that get background noise, where the corpus has some.
        background_snr: lowest and highest ratio of clip to background noise, dB.
        white_noise_db: lowest and highest level of white noise, dB of full scale, or null.

    Raises:
        UserError: a range upside down, a probability beyond [0, 1], a speed not above 0.
    """

    bank: Tensor
    background: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        speed: list[float] | None = None,
        shift_seconds: float = 0.0,
        reverb_probability: float = 0.0,
        reverb_seconds: list[float] | None = None,
        colour_db: float = 0.0,
        background_probability: float = 0.0,
        background_snr: list[float] | None = None,
        white_noise_db: list[float] | None = None,
    ) -> None:
        super().__init__()
        _check_ranges(
            background_snr=background_snr, white_noise_db=white_noise_db, reverb_seconds=reverb_seconds
        )
        for name, share in (("background", background_probability), ("reverb", reverb_probability)):
            if not 0 <= share <= 1:
                raise UserError(f"augment.waveform.{name}_probability={share}: choose 0 to 1")
        if reverb_seconds and not 0.01 <= reverb_seconds[0] <= reverb_seconds[1] <= 10:
            raise UserError(f"augment.waveform.reverb_seconds={reverb_seconds}: choose 0.01 to 10")
        if colour_db < 0:
            raise UserError(f"augment.waveform.colour_db={colour_db}: at least 0")
        if shift_seconds < 0:
            raise UserError(f"augment.waveform.shift_seconds={shift_seconds}: at least 0")
        if any(not 0.2 <= factor <= 5 for factor in speed or []):
            raise UserError(f"augment.waveform.speed={speed}: choose factors between 0.2 and 5")
        self.speed = speed or [1.0]
        self.shift = round(shift_seconds * sample_rate)
        self.rooms = Rooms(sample_rate, reverb_seconds or [0.1, 0.6], reverb_probability, colour_db)
        self.background_probability = background_probability
        self.background_snr = background_snr or [0.0, 20.0]
        self.white_noise_db = white_noise_db
        noise = torch.randn(BANK_SAMPLES, generator=torch.Generator().manual_seed(0))
        self.register_buffer("bank", noise if white_noise_db else torch.empty(0), persistent=False)
        self.register_buffer("background", torch.empty(0), persistent=False)

    def set_background(self, noise: Tensor) -> None:
        """Take the corpus's background noise of the training split, ``(samples,)``."""
        self.background = noise.to(self.bank)

    def forward(self, waveform: Tensor, key: Key) -> Tensor:
        """Return the augmented batch."""
        if self.speed != [1.0]:
            waveform = self._resped(waveform, key)
        if self.shift:
            waveform = self._shifted(waveform, key)
        if self.rooms.heard:
            waveform = self.rooms(waveform, key.uniform(6, self.rooms.draws))
        if self.background_probability > 0 and len(self.background) > 0:
            waveform = self._with_background(waveform, key)
        if self.white_noise_db is not None:
            waveform = self._with_white_noise(waveform, key)
        return waveform

    def _resped(self, waveform: Tensor, key: Key) -> Tensor:
        choice = whole(key.uniform(0, 1)[:, 0], len(self.speed))
        result = waveform.clone()
        for number, factor in enumerate(self.speed):
            chosen = (choice == number).nonzero()[:, 0]
            if factor != 1.0 and len(chosen) > 0:
                result[chosen] = resped(waveform[chosen], factor)
        return result

    def _shifted(self, waveform: Tensor, key: Key) -> Tensor:
        starts = whole(key.uniform(1, 1)[:, 0], 2 * self.shift + 1)
        return _windows(F.pad(waveform, (self.shift, self.shift)), starts, waveform.shape[1])

    def _with_background(self, waveform: Tensor, key: Key) -> Tensor:
        draws, samples = key.uniform(2, 3), waveform.shape[1]
        bank = _repeated(self.background, samples)
        noise = _cuts(bank, whole(draws[:, 0], len(bank) - samples + 1), samples)
        snr = between(draws[:, 1], *self.background_snr)
        ratio = waveform.square().mean(1) / noise.square().mean(1).clamp(min=1e-10)
        gain = (ratio * 10 ** (-snr / 10)).sqrt() * (draws[:, 2] < self.background_probability)
        return torch.addcmul(waveform, noise, gain[:, None])

    def _with_white_noise(self, waveform: Tensor, key: Key) -> Tensor:
        assert self.white_noise_db is not None
        draws, samples = key.uniform(3, 2), waveform.shape[1]
        bank = _repeated(self.bank, samples)
        noise = _cuts(bank, whole(draws[:, 0], len(bank) - samples + 1), samples)
        gain = 10 ** (between(draws[:, 1], *self.white_noise_db) / 20)
        return torch.addcmul(waveform, noise, gain[:, None])


class SpectrogramAugment(nn.Module):
    """Rectangles of the features set to zero: SpecAugment's masks (Park et al. 2019) and cut-outs.

    A time mask is a rectangle over all channels, a frequency mask one over all frames; so all of them are one
    matrix product of "is in these frames" and "is in these channels". Widths are drawn from 0 to the widest,
    and a mask wider than the features is as wide as they are.

    Args:
        time_masks: number of time masks.
        time_width: frames of the widest.
        frequency_masks: number of frequency masks.
        frequency_width: channels of the widest.
        rectangles: number of cut-outs.
        rectangle_frames: frames of the widest.
        rectangle_channels: channels of the highest.

    Raises:
        UserError: a number below 0.
    """

    def __init__(
        self,
        time_masks: int = 0,
        time_width: int = 0,
        frequency_masks: int = 0,
        frequency_width: int = 0,
        rectangles: int = 0,
        rectangle_frames: int = 0,
        rectangle_channels: int = 0,
    ) -> None:
        super().__init__()
        for name, value in list(locals().items()):
            if isinstance(value, int) and value < 0:
                raise UserError(f"augment.spectrogram.{name}={value}: at least 0")
        self.frames = [time_width] * time_masks + [-1] * frequency_masks + [rectangle_frames] * rectangles
        self.channels = (
            [-1] * time_masks + [frequency_width] * frequency_masks + [rectangle_channels] * rectangles
        )

    def forward(self, features: Tensor, key: Key, lengths: Tensor | None = None) -> Tensor:
        """Return ``(B, T, C)`` with the drawn rectangles set to zero, inside each one's `lengths` (B,)."""
        if not self.frames:
            return features
        rows = _spans(key.uniform(4, 2 * len(self.frames)), self.frames, features.shape[1], lengths)
        columns = _spans(key.uniform(5, 2 * len(self.channels)), self.channels, features.shape[2])
        hit = torch.bmm(rows.transpose(1, 2), columns)
        return features * (hit == 0)


def resped(waveform: Tensor, factor: float) -> Tensor:
    """Return ``(B, samples)`` played `factor` times as fast, cut or filled with zeros at both ends alike."""
    hundredths = round(100 * factor)
    played = AF.resample(waveform, hundredths, 100)
    missing = waveform.shape[1] - played.shape[1]
    return F.pad(played, (missing // 2, missing - missing // 2))


def _spans(draws: Tensor, widest: list[int], size: int, lengths: Tensor | None = None) -> Tensor:
    """Return ``(B, masks, size)`` of ones inside each drawn span; a widest of -1 stands for everything.

    Spans lie within the first `lengths` (B,) places, or anywhere.
    """
    within = torch.tensor([[size]], device=draws.device) if lengths is None else lengths[:, None]
    limit = torch.minimum(torch.tensor([w if w >= 0 else size for w in widest], device=draws.device), within)
    fixed = torch.tensor([w < 0 for w in widest], device=draws.device)
    first, second = draws.chunk(2, dim=1)
    width = torch.where(fixed, limit, whole(first, limit + 1))
    start = whole(second, within - width + 1)
    place = torch.arange(size, device=draws.device)
    inside = (place >= start[..., None]) & (place < (start + width)[..., None])
    return inside.float()


def _windows(rows: Tensor, starts: Tensor, samples: int) -> Tensor:
    """Return from each row ``(B, N)`` its own stretch of `samples`, beginning at ``starts`` (B,)."""
    return rows.unfold(1, samples, 1)[torch.arange(len(rows), device=rows.device), starts]


def _repeated(bank: Tensor, samples: int) -> Tensor:
    """Return a bank ``(N,)`` itself, or as many copies of it in a row as make it `samples` long."""
    return bank if len(bank) >= samples else bank.repeat(-(-samples // len(bank)))


def _cuts(bank: Tensor, starts: Tensor, samples: int) -> Tensor:
    """Return ``(B, samples)``: stretches of one long bank ``(N,)`` beginning at ``starts`` (B,)."""
    return bank.unfold(0, samples, 1)[starts]


def _check_ranges(**ranges: list[float] | None) -> None:
    for name, limits in ranges.items():
        if limits is not None and (len(limits) != 2 or limits[0] > limits[1]):
            raise UserError(
                f"augment.waveform.{name}={limits}: write the lowest and the highest value, [low, high]"
            )
