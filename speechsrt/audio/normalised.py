"""The front end of recognition: log mel energies, each band normalised over the utterance's own frames.

Utterances of a batch have lengths of their own, and what lies beyond one's end never reaches its features: an
utterance gives the same frames alone and beside longer ones. The numbers are those of QuartzNet's recipe
(Kriman et al. 2019): a filter against low tones, Slaney's mel bands with Slaney's norm, a symmetric window.
"""

from typing import Literal

import torch
import torch.nn.functional as F
import torchaudio.functional as AF
from torch import Tensor, nn

from speechsrt.audio.features import band_energies, paired
from speechsrt.errors import UserError

_SMALLEST_STD = 1e-5


class NormalisedMel(nn.Module):
    """Waveforms ``(B, samples)`` and their lengths to features ``(B, T, channels)`` and frame counts.

    Frames are centred on multiples of the hop, with zeros beyond both ends of the utterance.

    Args:
        sample_rate: samples a second.
        channels: number of mel bands, 0 to half the sample rate.
        window_seconds: length of the symmetric Hann window.
        hop_seconds: distance of frames.
        n_fft: points of the Fourier transform, at least the window.
        preemphasis: share of the sample before that is subtracted from each.
        log_offset: added to each energy before the natural logarithm.
        rounding: of samples / hop to frames: ``floor`` (NeMo 2.5 and later), ``floor_plus_one`` (1.0 to 2.4)
            or ``ceil`` (before).

    Raises:
        UserError: a window that does not fit `n_fft`, or a number out of its range.
    """

    window: Tensor
    bank: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        channels: int = 64,
        window_seconds: float = 0.02,
        hop_seconds: float = 0.01,
        n_fft: int = 512,
        preemphasis: float = 0.97,
        log_offset: float = 2.0**-24,
        rounding: Literal["floor", "floor_plus_one", "ceil"] = "floor",
    ) -> None:
        super().__init__()
        self.sample_rate, self.channels, self.n_fft = sample_rate, channels, n_fft
        self.window_length, self.hop = round(window_seconds * sample_rate), round(hop_seconds * sample_rate)
        self.preemphasis, self.log_offset, self.rounding = preemphasis, log_offset, rounding
        self._check()
        bank = AF.melscale_fbanks(
            n_fft // 2 + 1, 0.0, sample_rate / 2, channels, sample_rate, "slaney", "slaney"
        )
        window = torch.hann_window(self.window_length, periodic=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("bank", paired(bank), persistent=False)

    def _check(self) -> None:
        for key in ("sample_rate", "channels"):
            if getattr(self, key) < 1:
                raise UserError(f"features.{key}={getattr(self, key)}: at least 1")
        if self.hop < 1 or not 2 <= self.window_length <= self.n_fft:
            raise UserError(
                f"features: hop and window are {self.hop} and {self.window_length} samples at "
                f"{self.sample_rate} Hz; choose at least 1 and 2, and a window of at most n_fft={self.n_fft}"
            )
        if self.log_offset <= 0:
            raise UserError(f"features.log_offset={self.log_offset}: choose a number above 0")

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments, as plain values."""
        return {
            "sample_rate": self.sample_rate,
            "channels": self.channels,
            "window_seconds": self.window_length / self.sample_rate,
            "hop_seconds": self.hop / self.sample_rate,
            "n_fft": self.n_fft,
            "preemphasis": self.preemphasis,
            "log_offset": self.log_offset,
            "rounding": self.rounding,
        }

    def count(self, samples: Tensor) -> Tensor:
        """Return the numbers of frames made of so many samples each, at least 1."""
        rest = self.hop - 1 if self.rounding == "ceil" else 0
        whole = torch.div(samples + rest, self.hop, rounding_mode="floor")
        return (whole + (self.rounding == "floor_plus_one")).clamp(min=1)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the features, zeros beyond each utterance's frames, and the frame counts ``(B,)``.

        Args:
            waveform: ``(B, samples)``, full scale at 1.
            lengths: samples of each utterance ``(B,)``; all of them where left out.
        """
        if lengths is None:
            lengths = torch.full((len(waveform),), waveform.shape[1], device=waveform.device)
        frames = self.count(lengths)
        with torch.autocast(waveform.device.type, enabled=False):
            sound = self._emphasised(waveform, lengths)
            behind = max(0, int(frames.max()) * self.hop - waveform.shape[1]) if len(frames) else 0
            edges = (self.n_fft // 2, self.n_fft // 2 + behind)
            energies = band_energies(F.pad(sound, edges), self.window, self.bank, self.n_fft, self.hop)
            logarithms = (energies + self.log_offset).log()[:, : int(frames.max()) if len(frames) else None]
            return normalised(logarithms, frames), frames

    def _emphasised(self, waveform: Tensor, lengths: Tensor) -> Tensor:
        sound = torch.cat(
            [waveform[:, :1], torch.sub(waveform[:, 1:], waveform[:, :-1], alpha=self.preemphasis)], 1
        )
        inside = torch.arange(waveform.shape[1], device=waveform.device) < lengths[:, None]
        return sound.masked_fill_(~inside, 0.0)


def normalised(x: Tensor, frames: Tensor) -> Tensor:
    """Return ``(B, T, C)`` of mean 0 and deviation 1 a channel over each row's frames; zeros behind."""
    inside = (torch.arange(x.shape[1], device=x.device) < frames[:, None])[:, :, None]
    count = frames[:, None, None]
    mean = torch.where(inside, x, 0.0).sum(1, keepdim=True) / count
    centred = torch.where(inside, x - mean, 0.0)
    variance = centred.square().sum(1, keepdim=True) / (count - 1).clamp(min=1)
    return centred / (variance.sqrt() + _SMALLEST_STD)
