"""QuartzNet-5x5 with NeMo's own classes, timed. Runs in an environment with NeMo.

usage: python nemo_recognition_step.py BATCH THREADS     (driven by scripts/bench_nemo.py)

It does what `rounds.serve` is asked for: ``train``, ``features``, ``hear`` or ``greedy``.
"""

import sys

import torch
from nemo.core.optim.novograd import Novograd
from nemo_quartznet import decoder, decoding, encoder, front_end, loss, masks
from rounds import serve
from torch import Tensor
from utterances import CHARACTERS, digest, log_probs, sentences, sounds


class Recognition:
    """NeMo's parts, and a batch as its loaders hand it out: float samples, padded targets."""

    def __init__(self, batch: int) -> None:
        torch.manual_seed(0)
        self.front, self.masks, self.encoder = front_end(), masks(), encoder()
        self.decoder, self.loss, self.decoding = decoder(CHARACTERS), loss(CHARACTERS), decoding(CHARACTERS)
        self.modules = torch.nn.ModuleList([self.front, self.masks, self.encoder, self.decoder])
        self.weights = sum(parameter.numel() for parameter in self.modules.parameters())
        self.optimizer = Novograd(self.modules.parameters(), lr=0.01, betas=(0.95, 0.5), weight_decay=0.001)
        self.waveform = torch.from_numpy(sounds(batch)).float() / 32768
        self.lengths = torch.full((batch,), self.waveform.shape[1])
        tokens = [torch.tensor([CHARACTERS.index(c) for c in text]) for text in sentences(batch)]
        self.targets = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True)
        self.target_lengths = torch.tensor([len(some) for some in tokens])
        self.sure = torch.from_numpy(log_probs(sentences(batch)))

    def train(self) -> dict[str, float]:
        """Do a training step. The dither stays in the waveform: a hundred-thousandth of full scale a step."""
        self.modules.train()
        features, frames = self.front(input_signal=self.waveform, length=self.lengths)
        features = self.masks(input_spec=features, length=frames)
        found, frames = self._heard(features, frames)
        loss = self.loss(
            log_probs=found,
            targets=self.targets,
            input_lengths=frames,
            target_lengths=self.target_lengths,
        )
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"weights": self.weights, "loss": loss.item()}

    @torch.inference_mode()
    def features(self) -> dict[str, int]:
        """Make the features, without dither."""
        self.front.eval()
        features, frames = self.front(input_signal=self.waveform, length=self.lengths)
        return {"frames": int(frames.max()), "padded": features.shape[2]}

    @torch.inference_mode()
    def hear(self) -> dict[str, int]:
        """Go from waveforms to texts."""
        self.modules.eval()
        found, frames = self._heard(*self.front(input_signal=self.waveform, length=self.lengths))
        texts = self.decoding.ctc_decoder_predictions_tensor(found, decoder_lengths=frames)
        return {"frames": int(frames.max()), "texts": len(texts)}

    @torch.inference_mode()
    def greedy(self) -> dict[str, int | str]:
        """Go from log probabilities to texts."""
        frames = torch.full((len(self.sure),), self.sure.shape[1])
        found = self.decoding.ctc_decoder_predictions_tensor(self.sure, decoder_lengths=frames)
        return digest([hypothesis.text for hypothesis in found])

    def _heard(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        encoded, frames = self.encoder(audio_signal=features, length=frames)
        return self.decoder(encoder_output=encoded), frames


def main(batch: int, threads: int) -> None:
    """Build everything and do what each line of standard input asks for."""
    torch.set_num_threads(threads)
    side = Recognition(batch)
    serve({"train": side.train, "features": side.features, "hear": side.hear, "greedy": side.greedy})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
