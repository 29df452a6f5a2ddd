"""Golden numbers from NeMo's own classes, for the tests that hold this project against them.

usage: python scripts/peer/golden_nemo.py tests/golden        (in an environment with NeMo)

Three files: ``nemo_matchboxnet.npz`` (waveforms, cepstra, a whole MatchboxNet-3x1x64 with non-trivial running
statistics, its logits, gradients and five training steps), ``nemo_novograd.npz`` (a trajectory of NeMo's
optimizer) and ``nemo_masks.npz`` (what share of the features NeMo's augmentation hides).
Weights are whole multiples of a power of two and stored as bytes, so both sides hold the very same numbers.
"""

import sys
from pathlib import Path

import nemo
import numpy as np
import torch
from nemo.core.optim.novograd import Novograd
from nemo_matchboxnet import decoder, encoder, front_end, masks, padding
from numpy.typing import NDArray
from torch import Tensor

SAMPLES = 16000
SHORT = [128, 77, 50]  # valid frames of the three clips, where they are shorter than the batch
EVERY = 8  # of the frames, only every eighth is stored in full precision


def main(folder: Path) -> None:
    """Write the three files."""
    torch.manual_seed(0)
    np.savez_compressed(folder / "nemo_matchboxnet.npz", version=nemo.__version__, **matchboxnet())
    np.savez_compressed(folder / "nemo_novograd.npz", version=nemo.__version__, **novograd())
    np.savez_compressed(folder / "nemo_masks.npz", version=nemo.__version__, **masked_shares())


def waveforms() -> NDArray[np.int16]:
    """Return three clips ``(3, 16000)``: a chirp in hiss, a click near silence, half a vowel."""
    time = np.arange(SAMPLES) / SAMPLES
    draw = np.random.RandomState(0)
    chirp = 0.3 * np.sin(2 * np.pi * (200 * time + 1500 * time**2)) + 0.02 * draw.standard_normal(SAMPLES)
    click = np.where(np.arange(SAMPLES) == 7000, 0.9, 0.0) + 1e-4 * draw.standard_normal(SAMPLES)
    vowel = sum(0.2 / n * np.sin(2 * np.pi * 120 * n * time) for n in range(1, 20)) * (time < 0.5)
    return np.rint(32767 * np.clip([chirp, click, vowel], -1, 1)).astype(np.int16)


def cepstra(samples: NDArray[np.int16]) -> tuple[Tensor, Tensor]:
    """Return NeMo's features of the clips, ``(3, 64, 128)`` in float32, and ``(3, 64, 101)`` in float64."""
    waveform = torch.from_numpy(samples).float() / 32768
    lengths = torch.full((len(samples),), SAMPLES)
    front = front_end()
    features, count = front(input_signal=waveform, length=lengths)
    padded, _ = padding()(input_signal=features, length=count)
    return padded, front.double().featurizer(waveform.double())


def quantised(tensor: Tensor) -> tuple[NDArray[np.int8], float]:
    """Return whole numbers and the power of two by which to multiply them; `tensor` becomes their product."""
    scale = 2.0 ** np.ceil(np.log2(float(tensor.abs().max()) / 127))
    numbers = (tensor / scale).round().clamp(-127, 127)
    tensor.copy_(numbers * scale)
    return numbers.to(torch.int8).numpy(), scale


@torch.no_grad()
def unusual(model: torch.nn.Module) -> None:
    """Give normalisations and the classifier's bias values that a mistake in loading them would show."""
    for name, tensor in model.state_dict().items():
        if tensor.dim() == 1 and name.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 1:
            tensor.uniform_(-0.5, 0.5)


def matchboxnet() -> dict[str, NDArray]:
    """Return waveforms, features, weights, and what NeMo computes from them."""
    samples = waveforms()
    features, precise = cepstra(samples)
    model = torch.nn.ModuleDict({"encoder": encoder(), "decoder": decoder()})
    unusual(model)
    result: dict[str, NDArray] = {"waveform": samples, "features": features[:, :, 13:114].numpy()}
    result["features_double"] = precise[:, :, ::EVERY].numpy()
    for name, tensor in model.state_dict().items():
        if tensor.dim():
            result[f"weight:{name}"], scale = quantised(tensor)
            result[f"scale:{name}"] = np.array(scale)
    for key, lengths in (("whole", [128] * 3), ("short", SHORT)):
        result |= forward(model.eval(), features, torch.tensor(lengths), key)
    return result | training(model.double().train(), features.double())


@torch.no_grad()
def forward(model: torch.nn.ModuleDict, features: Tensor, lengths: Tensor, key: str) -> dict[str, NDArray]:
    """Return the encoder's output of every eighth frame, and the logits."""
    encoded, _ = model["encoder"](audio_signal=features, length=lengths)
    logits = model["decoder"](encoder_output=encoded)
    return {f"encoded_{key}": encoded[:, :, ::EVERY].numpy(), f"logits_{key}": logits.numpy()}


def training(model: torch.nn.ModuleDict, features: Tensor) -> dict[str, NDArray]:
    """Return gradient norms and running statistics of the first of five steps, and all losses."""
    optimizer = Novograd(model.parameters(), lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
    label, lengths = torch.tensor([3, 14, 29]), torch.full((3,), 128)
    result, losses = {}, []
    for step in range(5):
        encoded, _ = model["encoder"](audio_signal=features, length=lengths)
        loss = torch.nn.functional.cross_entropy(model["decoder"](encoder_output=encoded), label)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            result = {f"gradient:{n}": p.grad.norm().numpy() for n, p in model.named_parameters()}
            result |= {f"running:{n}": b.clone().numpy() for n, b in model.named_buffers() if "running" in n}
        optimizer.step()
    return result | {"losses": np.array(losses)}


def novograd() -> dict[str, NDArray]:
    """Return start, gradients and the way of three tensors over eight steps, in float64."""
    draw = np.random.RandomState(1)
    shapes, steps = [(4, 3), (5,), (1,)], 8
    rates = np.linspace(0.05, 0.01, steps)
    result: dict[str, NDArray] = {"rates": rates}
    start = [draw.standard_normal(shape) for shape in shapes]
    gradients = [draw.standard_normal((steps, *shape)) * 10 ** draw.uniform(-3, 3) for shape in shapes]
    gradients[1][3] = 0.0
    tensors = [torch.nn.Parameter(torch.from_numpy(values.copy())) for values in start]
    optimizer = Novograd(tensors, lr=0.05, betas=(0.95, 0.5), weight_decay=0.001)
    path = []
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = float(rates[step])
        for tensor, gradient in zip(tensors, gradients, strict=True):
            tensor.grad = torch.from_numpy(gradient[step].copy())
        optimizer.step()
        path.append([tensor.detach().numpy().copy() for tensor in tensors])
    for number in range(len(shapes)):
        result[f"start{number}"], result[f"gradient{number}"] = start[number], gradients[number]
        result[f"path{number}"] = np.stack([values[number] for values in path])
    return result


def masked_shares(batch: int = 128, rounds: int = 40) -> dict[str, NDArray]:
    """Return what share of a frame and of a coefficient is hidden, by rectangles and by all masks."""
    torch.manual_seed(0)
    whole = masks()
    whole.spec_cutout._rng.seed(0)
    alone = {"rectangles": whole.spec_cutout, "together": whole}
    result: dict[str, NDArray] = {"draws": np.array(batch * rounds)}
    lengths = torch.full((batch,), 128)
    for name, module in alone.items():
        hidden = torch.zeros(64, 128, dtype=torch.float64)
        for _ in range(rounds):
            arguments = {"length": lengths} if name == "together" else {}
            hidden += (module(input_spec=torch.ones(batch, 64, 128), **arguments) == 0).double().mean(0)
        share = hidden / rounds
        result |= {f"{name}:frames": share.mean(0).numpy(), f"{name}:channels": share.mean(1).numpy()}
    return result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
