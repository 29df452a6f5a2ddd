"""Long test tracks as sound: pieces one after another, over noise at a level that follows the speech."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from speechsrt.audio.files import UnreadableAudioError, read
from speechsrt.corpora.tracks import Piece
from speechsrt.scoring.events import Said

FLOOR = 10 ** (-70 / 20)
"""Level of the white noise in a track without any other: no room is silent, and no microphone."""


class Track:
    """A track that is read as it is heard; once heard, `said` and `hours` tell what was in it.

    Args:
        pieces: what it is made of.
        sample_rate: samples a second.
        rejected: takes the path of a piece that cannot be decoded, and why; it is left out, pause and all.
        noise: ``(samples,)`` to be laid under all of it, over and over; none is white noise 70 dB below full
            scale.
        snr: power of each piece over that of the noise under it and under the pause before it, in dB; not
            used without noise.
        seed: of the white noise.
    """

    def __init__(
        self,
        pieces: Iterable[Piece],
        sample_rate: int,
        rejected: list[tuple[str, str]],
        noise: Tensor | None = None,
        snr: float = 20.0,
        seed: int = 0,
    ) -> None:
        self.pieces, self.sample_rate, self.rejected, self.snr = pieces, sample_rate, rejected, snr
        self.noise = noise if noise is not None and len(noise) else None
        self.said: list[Said] = []
        self._came = 0
        self._draws = torch.Generator().manual_seed(seed)

    @property
    def hours(self) -> float:
        """Length of what was heard so far."""
        return self._came / self.sample_rate / 3600

    def __iter__(self) -> Iterator[Tensor]:
        """Yield pieces with their pauses ``(samples,)``."""
        for piece in self.pieces:
            clip = piece.clip
            try:
                speech = torch.from_numpy(read(clip.path, self.sample_rate, clip.offset, clip.duration))
            except UnreadableAudioError as error:
                self.rejected.append((error.path, error.reason))
                continue
            pause = round(piece.pause * self.sample_rate)
            sound = torch.cat([torch.zeros(pause), speech])
            sound += self._under(len(sound), float(speech.square().mean()))
            if piece.word is not None:
                begin = self._came + pause
                ends = (begin / self.sample_rate, (begin + len(speech)) / self.sample_rate)
                self.said.append(Said(*ends, piece.word))
            self._came += len(sound)
            yield sound

    def _under(self, samples: int, power: float) -> Tensor:
        """Return the noise under a piece of a mean power, going on from where it ended."""
        if self.noise is None:
            return FLOOR * torch.randn(samples, generator=self._draws)
        place = (self._came + torch.arange(samples)) % len(self.noise)
        noise = self.noise[place]
        wanted = power * 10 ** (-self.snr / 10)
        return noise * (wanted / max(float(noise.square().mean()), 1e-12)) ** 0.5
