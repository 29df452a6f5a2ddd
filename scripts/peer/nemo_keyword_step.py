"""One training step of MatchboxNet-3x1x64 with NeMo's own classes, timed. Runs in an environment with NeMo.

usage: python nemo_keyword_step.py BATCH THREADS     (driven by scripts/bench_nemo.py)

It does what `rounds.serve` is asked for: ``train``.
"""

import sys

import torch
from nemo.core.optim.novograd import Novograd
from nemo_matchboxnet import CLASSES, decoder, encoder, front_end, masks, padding
from rounds import serve


def main(batch: int, threads: int) -> None:
    """Build the step and do as many as each line of standard input asks for."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    front, pad, augment, encode, decode = front_end(), padding(), masks(), encoder(), decoder()
    modules = torch.nn.ModuleList([front, pad, augment, encode, decode]).train()
    weights = sum(parameter.numel() for parameter in modules.parameters())
    optimizer = Novograd(modules.parameters(), lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
    loss_function = torch.nn.CrossEntropyLoss()
    waveform = 0.1 * torch.randn(batch, 16000)
    lengths = torch.full((batch,), 16000)
    labels = torch.randint(0, CLASSES, (batch,))

    def train() -> dict[str, float]:
        features, count = front(input_signal=waveform, length=lengths)
        features, count = pad(input_signal=features, length=count)
        features = augment(input_spec=features, length=count)
        encoded, count = encode(audio_signal=features, length=count)
        loss = loss_function(decode(encoder_output=encoded), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"weights": weights, "loss": loss.item()}

    serve({"train": train})


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
