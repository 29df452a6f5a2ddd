"""A whole keyword model: front end, network and words, from a waveform to probabilities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from speechsrt.audio.files import resample
from speechsrt.decoding.spotting import Detection, Operating
from speechsrt.models.model import SpeechModel
from speechsrt.models.stream import spotted


@dataclass(frozen=True)
class Prediction:
    """What a model hears in a clip: the likeliest word, its probability, and that of every word."""

    word: str
    probability: float
    probabilities: dict[str, float]


class KeywordModel(SpeechModel):
    """Waveforms ``(B, samples)`` at the front end's sample rate to logits ``(B, words)``.

    Args:
        features: the front end's node (`speechsrt.build`).
        network: the network's node; ``features`` and ``classes`` are filled in here.
        labels: the words, in the order of the logits.
        clip_seconds: length of a clip.
        rules: placement rules for the 1x1s; or
        layers: the settled settings of every 1x1, from a stored description.
    """

    task: ClassVar[str] = "keyword"

    def __init__(
        self,
        features: Mapping[str, Any],
        network: Mapping[str, Any],
        labels: Sequence[str],
        clip_seconds: float,
        rules: Sequence[Mapping[str, Any]] = (),
        layers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(features, network, len(labels), rules, layers)
        self.labels, self.clip_seconds = tuple(labels), clip_seconds
        self.operating: Operating | None = None  # shipped beside the description, where it was chosen

    @property
    def reference_seconds(self) -> float:
        """Length of a clip."""
        return self.clip_seconds

    @property
    def samples(self) -> int:
        """Samples of a clip."""
        return round(self.clip_seconds * self.sample_rate)

    @property
    def how(self) -> Operating:
        """How it is used on a stream: as was chosen and shipped with it, else as usual."""
        return self.operating or Operating.usual(self.clip_seconds)

    def forward(self, waveform: Tensor) -> Tensor:
        """Return the logits."""
        return self.network(self.features(waveform))

    def hear(self, waveform: Tensor) -> Tensor:
        """Return the features ``(B, T, C)``."""
        return self.features(waveform)

    def describe(self) -> dict[str, Any]:
        """Return plain values from which `KeywordModel(**description)` builds this model, weights apart."""
        return super().describe() | {"labels": list(self.labels), "clip_seconds": self.clip_seconds}

    @torch.inference_mode()
    def predict(self, waveform: np.ndarray | Tensor, sample_rate: int) -> Prediction:
        """Name the word in a clip.

        Args:
            waveform: mono ``(samples,)`` or ``(channels, samples)``, full scale at 1; resampled and, where it
                is longer or shorter than a clip, cut or filled with zeros.
            sample_rate: its samples a second.
        """
        self.eval()
        sound = self._mono(waveform, sample_rate).to(next(self.parameters()).device)
        temperature = self.how.temperature
        chances = F.softmax(self(fitted(sound, self.samples)[None])[0].float() / temperature, 0).tolist()
        best = max(range(len(chances)), key=chances.__getitem__)
        return Prediction(self.labels[best], chances[best], dict(zip(self.labels, chances, strict=True)))

    def spot(
        self, waveform: np.ndarray | Tensor, sample_rate: int, operating: Operating | None = None
    ) -> list[Detection]:
        """Find the words in a sound of any length.

        Args:
            waveform: mono ``(samples,)`` or ``(channels, samples)``, full scale at 1; resampled where needed.
            sample_rate: its samples a second.
            operating: how; left out, what was shipped with the model, else the usual.
        """
        return list(spotted(self, operating or self.how, [self._mono(waveform, sample_rate)]))

    def _mono(self, waveform: np.ndarray | Tensor, sample_rate: int) -> Tensor:
        """Return a sound as ``(samples,)`` at the model's rate."""
        sound = torch.as_tensor(waveform, dtype=torch.float32)
        sound = sound.mean(0) if sound.dim() == 2 else sound
        if sample_rate == self.sample_rate:
            return sound
        return torch.from_numpy(resample(sound.cpu().numpy(), sample_rate, self.sample_rate))


def fitted(sound: Tensor, samples: int) -> Tensor:
    """Return ``(samples,)``: the middle of a longer sound, or a shorter one with zeros behind it."""
    start = max(0, len(sound) - samples) // 2
    return F.pad(sound[start : start + samples], (0, max(0, samples - len(sound))))
