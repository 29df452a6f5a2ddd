"""The figures of docs/training.md, "Speed": each fast path of this project against the plain one.

usage: python scripts/bench_kernels.py [--compile]        medians in milliseconds, this machine's threads

``--compile`` also compiles MatchboxNet-3x1x64 and times a training step of it either way (most of a minute).
"""

import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
import torchaudio
from rich.console import Console
from torch import Tensor

from speechsrt.audio.augment import Key, WaveformAugment
from speechsrt.audio.features import Mfcc
from speechsrt.kernels import dense, depthwise, keep_freed_memory
from speechsrt.models.band_norm import BandNorm
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.pointwise.placement import assemble
from speechsrt.reports.tables import table

BATCH, FRAMES, SAMPLES = 128, 128, 16000


def milliseconds(work: Callable[[], object], times: int = 30) -> float:
    """Return the median time of a call, after a warm-up."""
    for _ in range(3):
        work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def plain_depthwise(x: Tensor, weight: Tensor) -> Tensor:
    """Filter each channel by one channels-last convolution, whose gradients are PyTorch's own."""
    image = x.unsqueeze(1).permute(0, 3, 1, 2)
    y = F.conv2d(image, weight.unsqueeze(2), None, 1, (0, weight.shape[2] // 2), 1, len(weight))
    return y.permute(0, 2, 3, 1).squeeze(1)


def there_and_back(convolve: Callable[[Tensor, Tensor], Tensor], channels: int, taps: int) -> float:
    """Return the time of a depthwise convolution, forward and backward."""
    x = torch.randn(BATCH, FRAMES, channels, requires_grad=True)
    weight, direction = (
        torch.randn(channels, 1, taps, requires_grad=True),
        torch.randn(BATCH, FRAMES, channels),
    )
    return milliseconds(lambda: torch.autograd.grad(convolve(x, weight), (x, weight), direction))


def in_bands(norm: Callable[[Tensor], Tensor]) -> float:
    """Return the time of a normalisation of BC-ResNet's 12 channels in 20 bands, forward and backward."""
    x, direction = torch.randn(100, 101, 20, 12, requires_grad=True), torch.randn(100, 101, 20, 12)
    return milliseconds(lambda: torch.autograd.grad(norm(x), (x,), direction))


def stepper(network: torch.nn.Module) -> Callable[[], None]:
    """Return a training step of a network, front end and optimizer apart."""
    features, labels = torch.randn(BATCH, FRAMES, 64), torch.randint(0, 10, (BATCH,))

    def step() -> None:
        network.zero_grad()
        F.cross_entropy(network(features), labels).backward()

    return step


def faults(step: Callable[[], None], steps: int = 10) -> float:
    """Return the page faults of a step."""
    for _ in range(5):
        step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / steps


def matchboxnet() -> torch.nn.Module:
    """Return MatchboxNet-3x1x64 with learned 1x1s."""
    return assemble(lambda make: MatchboxNet(make, 64, 10), []).network


def rows() -> list[tuple[str, float, float]]:
    """Return what is compared, the plain road's figure and ours."""
    x, weight = torch.randn(BATCH, FRAMES, 128), torch.randn(128, 128)
    step = stepper(matchboxnet())
    before = faults(step)
    keep_freed_memory()
    kept = faults(step)
    band_norm = BandNorm(12)
    waveform = 0.1 * torch.randn(BATCH, SAMPLES)
    augment, key = WaveformAugment(white_noise_db=[-90, -46]), Key(0, 0, torch.arange(BATCH))
    front = Mfcc()
    theirs = torchaudio.transforms.MFCC(
        16000, 64, log_mels=True, melkwargs={"n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 64}
    )
    return [
        ("page faults a step of the network", before, kept),
        (
            "1x1, 128 to 128 channels: F.linear",
            milliseconds(lambda: F.linear(x, weight)),
            milliseconds(lambda: dense(x, weight)),
        ),
        (
            "depthwise 64 x 15, both ways",
            there_and_back(plain_depthwise, 64, 15),
            there_and_back(depthwise, 64, 15),
        ),
        (
            "depthwise 128 x 13, both ways",
            there_and_back(plain_depthwise, 128, 13),
            there_and_back(depthwise, 128, 13),
        ),
        (
            "normalisation of 20 bands x 12, both ways: PyTorch's",
            in_bands(band_norm.plainly),
            in_bands(band_norm),
        ),
        (
            "white noise: drawn anew",
            milliseconds(lambda: torch.randn(BATCH, SAMPLES)),
            milliseconds(lambda: augment(waveform, key)),
        ),
        (
            "features: torchaudio's MFCC",
            milliseconds(lambda: theirs(waveform)),
            milliseconds(lambda: front(waveform)),
        ),
    ]


def compiled() -> tuple[str, float, float]:
    """Return the time of a step of the compiled network, and of the plain one."""
    network = matchboxnet()
    plain = milliseconds(stepper(network))
    network.compile()
    return ("step of the network: compiled", milliseconds(stepper(network)), plain)


if __name__ == "__main__":
    found = rows() + ([compiled()] if "--compile" in sys.argv[1:] else [])
    lines = [(name, f"{plain:,.2f}", f"{ours:,.2f}") for name, plain, ours in found]
    title = f"milliseconds (page faults in the first line), {torch.get_num_threads()} threads"
    Console(highlight=False).print(table(title, ["against", "plain", "here"], lines))
