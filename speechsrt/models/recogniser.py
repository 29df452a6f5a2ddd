"""A whole recogniser: front end, network and vocabulary, from a waveform to the text spoken in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
import torchaudio.functional as AF
from torch import Tensor

from speechsrt.build import build
from speechsrt.decoding.chunks import join, spans
from speechsrt.decoding.greedy import Greedy
from speechsrt.decoding.hypothesis import Hypothesis, Word, words_of
from speechsrt.errors import UserError
from speechsrt.models.model import SpeechModel, target_of
from speechsrt.text.vocabulary import Vocabulary

REFERENCE_SECONDS = 10.0
CHUNK_SECONDS, OVERLAP_SECONDS = 20.0, 4.0


class Decoder(Protocol):
    """From log probabilities ``(B, T, V)`` and frame counts ``(B,)`` to one hypothesis each."""

    def __call__(self, log_probs: Tensor, lengths: Tensor) -> list[Hypothesis]:
        """Decode a batch."""
        ...


@dataclass(frozen=True)
class Transcript:
    """What a model hears: the text, and its words with times in seconds and confidences."""

    text: str
    words: list[Word]


class Recogniser(SpeechModel):
    """Waveforms ``(B, samples)`` and lengths to log probabilities ``(B, T, tokens + 1)``, the blank last.

    Args:
        features: the front end's node (`speechsrt.build`).
        network: the network's node; ``features`` and ``classes`` are filled in here.
        vocabulary: the vocabulary's node.
        rules: placement rules for the 1x1s; or
        layers: the settled settings of every 1x1, from a stored description.
    """

    task: ClassVar[str] = "ctc"

    def __init__(
        self,
        features: Mapping[str, Any],
        network: Mapping[str, Any],
        vocabulary: Mapping[str, Any],
        rules: Sequence[Mapping[str, Any]] = (),
        layers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        spelling: Vocabulary = build(vocabulary, "text")
        super().__init__(features, network, len(spelling.tokens) + 1, rules, layers)
        self.vocabulary = spelling

    @property
    def reference_seconds(self) -> float:
        """Length of a typical utterance."""
        return REFERENCE_SECONDS

    @property
    def frame_seconds(self) -> float:
        """Distance of output frames."""
        return self.features.hop * self.network.stride / self.sample_rate

    def frames(self, samples: Tensor) -> Tensor:
        """Return how many output frames utterances of so many samples ``(B,)`` give."""
        return self.network.count(self.features.count(samples))

    def hear(self, waveform: Tensor) -> Tensor:
        """Return the features ``(B, T, C)`` of utterances of one length."""
        return self.features(waveform)[0]

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the log probabilities and the output frames of each utterance ``(B,)``."""
        features, frames = self.features(waveform, lengths)
        logits = self.network(features, frames)
        return logits.float().log_softmax(2), self.network.count(frames)

    def describe(self) -> dict[str, Any]:
        """Return plain values from which `Recogniser(**description)` builds this model, weights apart."""
        node = {"_target_": target_of(self.vocabulary)} | self.vocabulary.settings()
        return super().describe() | {"vocabulary": node}

    @torch.inference_mode()
    def transcribe(
        self,
        waveform: np.ndarray | Tensor,
        sample_rate: int,
        decoder: Decoder | None = None,
        chunk_seconds: float = CHUNK_SECONDS,
        overlap_seconds: float = OVERLAP_SECONDS,
    ) -> Transcript:
        """Write down what is said in a sound of any length.

        Longer sounds are heard in overlapping chunks, joined where both chunks hear a pause
        (`speechsrt.decoding.chunks`).

        Args:
            waveform: mono ``(samples,)`` or ``(channels, samples)``, full scale at 1; resampled where needed.
            sample_rate: its samples a second.
            decoder: greedy where left out.
            chunk_seconds: the longest stretch heard at once.
            overlap_seconds: shared by two chunks.

        Raises:
            UserError: no sound, or an overlap that leaves nothing of a chunk.
        """
        self.eval()
        sound = torch.as_tensor(waveform, dtype=torch.float32, device=next(self.parameters()).device)
        sound = sound.mean(0) if sound.dim() == 2 else sound
        if sample_rate != self.sample_rate:
            sound = AF.resample(sound, sample_rate, self.sample_rate)
        if not len(sound):
            raise UserError("a waveform without samples: there is nothing to transcribe")
        log_probs = self._heard(sound, chunk_seconds, overlap_seconds)
        decode = decoder or Greedy(self.vocabulary)
        hypothesis = decode(log_probs[None], torch.tensor([len(log_probs)]))[0]
        words = words_of(hypothesis, self.vocabulary, self.frame_seconds)
        return Transcript(self.vocabulary.decode(hypothesis.tokens), words)

    def _heard(self, sound: Tensor, chunk_seconds: float, overlap_seconds: float) -> Tensor:
        """Return the log probabilities ``(T, tokens + 1)`` of a sound, on the CPU."""
        stride = self.features.hop * self.network.stride
        chunk = round(chunk_seconds * self.sample_rate) // stride * stride
        overlap = round(overlap_seconds * self.sample_rate) // stride * stride
        parts, starts = [], []
        for start, stop in spans(len(sound), chunk, overlap):
            parts.append(self(sound[None, start:stop])[0][0].cpu())
            starts.append(start // stride)
        return join(parts, starts, self.vocabulary) if len(parts) > 1 else parts[0]
