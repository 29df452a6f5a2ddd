"""One training step of MatchboxNet-3x1x64 with NeMo's own classes, timed. Runs in an environment with NeMo.

usage: python nemo_keyword_step.py BATCH THREADS     (driven by scripts/bench_nemo.py)

For every line read from standard input it does that many steps and prints the milliseconds of each as JSON.
"""

import json
import logging
import sys
import time

import torch

logging.disable(logging.WARNING)

from nemo.collections.asr.modules import (  # noqa: E402
    AudioToMFCCPreprocessor,
    ConvASRDecoderClassification,
    ConvASREncoder,
    CropOrPadSpectrogramAugmentation,
    SpectrogramAugmentation,
)
from nemo.core.optim.novograd import Novograd  # noqa: E402


def block(filters: int, kernel: int, dilation: int = 1, residual: bool = False, separable: bool = True) -> dict:
    return {
        "filters": filters,
        "repeat": 1,
        "kernel": [kernel],
        "stride": [1],
        "dilation": [dilation],
        "dropout": 0.0,
        "residual": residual,
        "separable": separable,
        "kernel_size_factor": 1.0,
    }


def matchboxnet() -> torch.nn.Module:
    layers = [block(128, 11)]
    layers += [block(64, kernel, residual=True) for kernel in (13, 15, 17)]
    layers += [block(128, 29, dilation=2), block(128, 1, separable=False)]
    return ConvASREncoder(jasper=layers, activation="relu", feat_in=64, conv_mask=True)


def main(batch: int, threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    front = AudioToMFCCPreprocessor(
        window_size=0.025, window_stride=0.01, window="hann", n_mels=64, n_mfcc=64, n_fft=512
    )
    pad = CropOrPadSpectrogramAugmentation(audio_length=128)
    augment = SpectrogramAugmentation(
        freq_masks=2, time_masks=2, freq_width=15, time_width=25, rect_masks=5, rect_freq=15, rect_time=25
    )
    encoder = matchboxnet()
    decoder = ConvASRDecoderClassification(feat_in=128, num_classes=30)
    modules = torch.nn.ModuleList([front, pad, augment, encoder, decoder]).train()
    optimizer = Novograd(modules.parameters(), lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
    loss_function = torch.nn.CrossEntropyLoss()
    waveform = 0.1 * torch.randn(batch, 16000)
    lengths = torch.full((batch,), 16000)
    labels = torch.randint(0, 30, (batch,))

    def step() -> None:
        features, count = front(input_signal=waveform, length=lengths)
        features, count = pad(input_signal=features, length=count)
        features = augment(input_spec=features, length=count)
        encoded, count = encoder(audio_signal=features, length=count)
        loss = loss_function(decoder(encoder_output=encoded), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            began = time.perf_counter()
            step()
            times.append(1000 * (time.perf_counter() - began))
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
