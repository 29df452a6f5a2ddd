"""``.nemo`` files written by NeMo, and what NeMo computes with them, for the tests of ``import_nemo``.

usage: python scripts/peer/golden_nemo_import.py tests/golden      (in an environment with NeMo)
       python scripts/peer/golden_nemo_import.py --full            (and with the packages of speechsrt)

The first writes ``nemo_quartznet.nemo`` and ``nemo_matchboxnet.nemo``, narrow networks of the usual layout
with random weights, and ``nemo_import.npz``: waveforms, NeMo's features and frame counts, and the networks'
outputs. The second stores nothing: it builds QuartzNet-5x5 and -15x5 and MatchboxNet-3x1x64 in full, imports
each from the file that NeMo writes, and prints how far the two sides are apart.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import nemo
import numpy as np
import torch
from golden_nemo import unusual, waveforms
from nemo.collections.asr.models import EncDecClassificationModel, EncDecCTCModel
from nemo.collections.asr.models.asr_model import ASRModel
from nemo_models import matchboxnet, quartznet
from numpy.typing import NDArray
from torch import Tensor

REPOSITORY = Path(__file__).parents[2]
LENGTHS = [16000, 12345, 10000]  # samples of the three utterances
COUNTED = [160, 161, 319, 320, 1599, 1600, 1601, 12345, 16000, 16001]  # samples of which frames are counted
LABELS = ["down", "no", "off", "on", "yes"]
NARROW = {"channels": (16, 16, 24, 24, 24), "sub_blocks": 2, "first": 16, "wide": 24, "last": 32}
V1 = [f"word{number:02}" for number in range(30)]


def main(typed: str) -> None:
    """Write the golden files into a folder, or compare the networks in full size."""
    torch.manual_seed(0)
    sound = torch.from_numpy(waveforms()).float() / 32768
    if typed == "--full":
        compare(sound)
        return
    folder = Path(typed)
    ctc = settled(quartznet(**NARROW), sound)
    keyword = settled(matchboxnet(LABELS, channels=16, wide=32), sound)
    ctc.save_to(str(folder / "nemo_quartznet.nemo"))
    keyword.save_to(str(folder / "nemo_matchboxnet.nemo"))
    result = {"waveform": waveforms(), "lengths": np.array(LENGTHS)} | front_end(sound)
    log_probs, frames = recognised(ctc, sound)
    result |= {"log_probs": log_probs.numpy(), "output_frames": frames.numpy()}
    result |= {"logits": classified(keyword, sound).numpy()}
    np.savez_compressed(folder / "nemo_import.npz", version=nemo.__version__, **result)


@torch.no_grad()
def settled(model: ASRModel, sound: Tensor) -> ASRModel:
    """Return the model for evaluation, its normalisations and the last layer's bias with values of their own.

    The running statistics become those of the sound, each then moved by a random part of itself: so outputs
    are of a usual size, and a mistake in loading any of the numbers would show.
    """
    model.eval()  # or NeMo would add dither to the sound, where it lies
    unusual(model.encoder)
    unusual(model.decoder)
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm1d)]
    for norm in norms:
        norm.train().momentum = 1.0
    forward = classified if isinstance(model, EncDecClassificationModel) else recognised
    forward(model, sound)
    for norm in norms:
        norm.momentum = 0.1
        norm.running_mean += norm.running_var.sqrt() * torch.empty_like(norm.running_mean).uniform_(-0.3, 0.3)
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.7, 1.4)
    return model.eval()


def front_end(sound: Tensor) -> dict[str, NDArray]:
    """Return the mel front end's output, its logarithms before they are normalised, and frame counts."""
    model = quartznet(**NARROW).eval()
    features, frames = model.preprocessor(input_signal=sound, length=torch.tensor(LENGTHS))
    featurizer = model.preprocessor.featurizer
    featurizer.normalize, featurizer.pad_to = None, 0
    logarithms, _ = featurizer(sound[:1].clone(), torch.tensor(LENGTHS[:1]))
    return {
        "features": features[:, :, : frames.max()].numpy(),
        "frames": frames.numpy(),
        "logarithms": logarithms[:, :, : frames[0]].numpy(),
        "counted": np.array(COUNTED),
        "counts": featurizer.get_seq_len(torch.tensor(COUNTED)).numpy(),
    }


@torch.no_grad()
def recognised(model: EncDecCTCModel, sound: Tensor) -> tuple[Tensor, Tensor]:
    """Return log probabilities and how many frames of them are each utterance's."""
    log_probs, frames, _ = model(input_signal=sound, input_signal_length=torch.tensor(LENGTHS))
    return log_probs[:, : frames.max()], frames


@torch.no_grad()
def classified(model: EncDecClassificationModel, sound: Tensor) -> Tensor:
    """Return the logits of clips, whose frames are padded as NeMo's releases up to 2.2 did by themselves."""
    features, frames = model.preprocessor(
        input_signal=sound, length=torch.full((len(sound),), sound.shape[1])
    )
    features, frames = model.crop_or_pad(input_signal=features, length=frames)
    encoded, _ = model.encoder(audio_signal=features, length=frames)
    return model.decoder(encoder_output=encoded)


def compare(sound: Tensor) -> None:
    """Print for each network how far ours, imported, is from NeMo's."""
    made: dict[str, Any] = {
        "QuartzNet-5x5": quartznet(),
        "QuartzNet-15x5": quartznet(repeat=3),
        "MatchboxNet-3x1x64": matchboxnet(V1),
    }
    for name, model in made.items():
        settled(model, sound)
        ours = imported(model)
        weights = sum(weight.numel() for weight in ours.parameters())
        theirs = sum(weight.numel() for weight in model.parameters())
        print(f"{name}: {weights:,} weights here, {theirs:,} in NeMo")
        for what, difference in differences(model, ours, sound).items():
            print(f"  {difference:.1e}  {what}")


def imported(model: ASRModel) -> Any:
    """Return our model out of the file that NeMo's writes."""
    sys.path.append(str(REPOSITORY))
    from speechsrt.export.nemo import read

    with tempfile.TemporaryDirectory() as folder:
        model.save_to(f"{folder}/model.nemo")
        return read(f"{folder}/model.nemo").model


@torch.no_grad()
def differences(model: ASRModel, ours: Any, sound: Tensor) -> dict[str, float]:
    """Return the largest differences of the outputs, from the waveform and of the network alone.

    The last two tell how much of them is rounding: what all is in double precision, ours computes.
    """
    lengths = torch.tensor(LENGTHS)
    if isinstance(model, EncDecClassificationModel):
        theirs, here = classified(model, sound), ours(sound)
        exact = ours.double()(sound.double())
        return _rounded(theirs, here, exact)
    theirs, frames = recognised(model, sound)
    here, counts = ours(sound, lengths)
    assert torch.equal(frames, counts)
    inside = torch.arange(theirs.shape[1]) < frames[:, None]
    features, valid = model.preprocessor(input_signal=sound, length=lengths)
    encoded, _ = model.encoder.double()(audio_signal=features.double(), length=valid)
    alone = model.decoder.double()(encoder_output=encoded)[:, : frames.max()]
    logits = ours.network.double()(features.double().transpose(1, 2), valid)[:, : frames.max()]
    exact = ours.double()(sound.double(), lengths)[0]
    result = _rounded(theirs[inside], here[inside], exact[inside])
    return result | {
        "the networks alone, in double precision": float((alone - logits.log_softmax(2))[inside].abs().max())
    }


def _rounded(theirs: Tensor, here: Tensor, exact: Tensor) -> dict[str, float]:
    pairs = {
        "from the waveform": (here, theirs),
        "NeMo against double precision": (theirs, exact),
        "ours against double precision": (here, exact),
    }
    return {what: float((a - b).abs().max()) for what, (a, b) in pairs.items()}


if __name__ == "__main__":
    main(sys.argv[1])
