"""Rooms and microphones that were never measured: speech as it comes out of them, a batch at a time.

A room is its direct sound and an exponentially decaying tail of noise (J. A. Moorer, Computer Music
Journal 3, 1979), the simplest model with the right decay. A microphone is a gain octave by octave, drawn
evenly and joined by straight lines over the logarithm of frequency. Both are one product of spectra.
"""

import math

import torch
from torch import Tensor, nn

from speechsrt.audio.draws import between, whole

ROOMS = 64
SILENT_SECONDS = 0.003
"""No reflection comes sooner behind the direct sound."""
DIRECT_DB = (-3.0, 15.0)
"""Energy of the direct sound over that of the tail; a bank of rooms holds all between."""
LOWEST = 62.5
"""Hz; the gain is drawn there and at every octave above."""


class Rooms(nn.Module):
    """Waveforms ``(B, samples)`` as heard in rooms by microphones, the direct sound where it was.

    Args:
        sample_rate: samples a second.
        seconds: shortest and longest time in which a room's sound falls by 60 dB.
        probability: share of clips that are heard in a room.
        colour_db: largest gain of a microphone to either side, dB.
    """

    tails: Tensor
    spectra: Tensor

    def __init__(self, sample_rate: int, seconds: list[float], probability: float, colour_db: float) -> None:
        super().__init__()
        self.sample_rate, self.probability, self.colour_db = sample_rate, probability, colour_db
        self.octaves = math.ceil(math.log2(sample_rate / 2 / LOWEST)) + 1
        made = tails(sample_rate, seconds) if probability else torch.zeros(1, 1)
        self.register_buffer("tails", made, persistent=False)
        self.register_buffer("spectra", torch.zeros(0, 0), persistent=False)

    @property
    def heard(self) -> bool:
        """Whether there is anything to do."""
        return self.probability > 0 or self.colour_db > 0

    @property
    def draws(self) -> int:
        """How many numbers in [0, 1) a clip takes."""
        return 2 + self.octaves

    def forward(self, waveform: Tensor, draw: Tensor) -> Tensor:
        """Return the batch ``(B, samples)``; `draw` is ``(B, draws)``."""
        samples = waveform.shape[1]
        if not len(waveform):
            return waveform
        size = fast_size(samples + self.tails.shape[1] - 1)
        response = self._colours(draw[:, 2:], size)
        if self.probability > 0:
            if self.spectra.shape[1] != size // 2 + 1:
                self.spectra = torch.fft.rfft(self.tails, size)
            room = self.spectra[whole(draw[:, 0], len(self.tails))]
            inside = (draw[:, 1] < self.probability)[:, None]
            response = response * torch.where(inside, 1 + room, torch.ones_like(room))
        return torch.fft.irfft(torch.fft.rfft(waveform, size) * response, size)[:, :samples]

    def _colours(self, draw: Tensor, size: int) -> Tensor:
        """Return gains ``(B, size // 2 + 1)``; the mean of their decibels over the octaves is 0."""
        decibels = between(draw, -self.colour_db, self.colour_db)
        decibels = decibels - decibels.mean(dim=1, keepdim=True)
        hertz = torch.arange(size // 2 + 1, device=draw.device) * (self.sample_rate / size)
        place = torch.log2(hertz.clamp(min=LOWEST) / LOWEST).clamp(max=self.octaves - 1)
        low = place.floor().long().clamp(max=self.octaves - 2)
        share = (place - low).to(draw.dtype)
        return 10 ** (torch.lerp(decibels[:, low], decibels[:, low + 1], share) / 20)


def tails(sample_rate: int, seconds: list[float]) -> Tensor:
    """Return what ``ROOMS`` rooms add to a direct sound of 1, ``(ROOMS, samples)``, the same every time."""
    draws = torch.Generator().manual_seed(0)
    length = max(1, round(seconds[1] * sample_rate))
    spread = torch.rand(ROOMS, 2, generator=draws)
    decay = between(spread[:, :1], *seconds).clamp(min=1e-3)
    time = torch.arange(length) / sample_rate
    noise = torch.randn(ROOMS, length, generator=draws) * 10 ** (-3 * time / decay)
    noise[:, : round(SILENT_SECONDS * sample_rate)] = 0
    energy = noise.square().sum(dim=1, keepdim=True).clamp(min=1e-12)
    return noise * (10 ** (-between(spread[:, 1:], *DIRECT_DB) / 10) / energy).sqrt()


def fast_size(least: int) -> int:
    """Return the smallest length of at least so many that has no prime factor above 5."""
    sizes = (
        2**two * 3**three * 5**five
        for five in range(12)
        for three in range(16)
        for two in range(1, 28)
        if 2**two * 3**three * 5**five >= least
    )
    return min(sizes)
