"""Imported networks against NVIDIA NeMo on the same waveforms (``scripts/peer/golden_nemo_import.py``)."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from nemo_files import GOLDEN, MATCHBOXNET, QUARTZNET, config_of, packed, state_of
from torch import Tensor

import speechsrt
from speechsrt.export import nemo, package
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.recogniser import Recogniser

TOLERANCE = 1e-3
"""Of log probabilities from the waveform; rounding in the chirp's quiet bands alone makes 1e-4."""


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN / "nemo_import.npz") as file:
        return {key: torch.from_numpy(file[key]) for key in file.files if key != "version"}


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    model = nemo.read(QUARTZNET).model
    assert isinstance(model, Recogniser)
    return model


@pytest.fixture(scope="module")
def keyword_model() -> KeywordModel:
    model = nemo.read(MATCHBOXNET).model
    assert isinstance(model, KeywordModel)
    return model


def sound(golden: dict[str, Tensor]) -> Tensor:
    return golden["waveform"].float() / 32768


def apart(golden: dict[str, Tensor], log_probs: Tensor) -> float:
    """The largest difference to NeMo's log probabilities, of every utterance's own frames."""
    theirs, frames = golden["log_probs"], golden["output_frames"]
    inside = torch.arange(theirs.shape[1]) < frames[:, None]
    return float((log_probs - theirs)[inside].abs().max())


@torch.no_grad()
def test_quartznet_hears_a_batch_as_nemo_does(golden: dict[str, Tensor], recogniser: Recogniser) -> None:
    log_probs, frames = recogniser(sound(golden), golden["lengths"])
    assert torch.equal(frames, golden["output_frames"])
    assert apart(golden, log_probs) < TOLERANCE


@torch.no_grad()
def test_quartznet_hears_an_utterance_alone_as_nemo_does(
    golden: dict[str, Tensor], recogniser: Recogniser
) -> None:
    for number, length in enumerate(golden["lengths"].tolist()):
        log_probs, frames = recogniser(sound(golden)[number : number + 1, :length])
        expected = golden["log_probs"][number, : int(frames)]
        assert torch.allclose(log_probs[0], expected, rtol=0, atol=TOLERANCE)


@torch.no_grad()
def test_quartznet_on_nemos_own_features(golden: dict[str, Tensor], recogniser: Recogniser) -> None:
    features = golden["features"].transpose(1, 2)
    log_probs = recogniser.network(features, golden["frames"]).log_softmax(2)
    assert apart(golden, log_probs) < 2e-5


@torch.no_grad()
def test_matchboxnet_hears_as_nemo_does(golden: dict[str, Tensor], keyword_model: KeywordModel) -> None:
    logits = keyword_model(sound(golden))
    torch.testing.assert_close(logits, golden["logits"], rtol=0, atol=2e-5)


@torch.no_grad()
def test_a_package_of_an_imported_network_hears_the_same(
    golden: dict[str, Tensor], recogniser: Recogniser, keyword_model: KeywordModel, tmp_path: Path
) -> None:
    for number, model in enumerate((recogniser, keyword_model)):
        path = tmp_path / f"{number}.safetensors"
        package.save(model, path)
        again = speechsrt.load(path)
        assert again.describe() == model.describe()
    again = package.load_recogniser(tmp_path / "0.safetensors")
    assert apart(golden, again(sound(golden), golden["lengths"])[0]) < TOLERANCE


def test_random_numbers_would_be_noticed(golden: dict[str, Tensor], recogniser: Recogniser) -> None:
    other = Recogniser(**recogniser.describe()).eval()
    with torch.no_grad():
        log_probs, _ = other(sound(golden), golden["lengths"])
    assert apart(golden, log_probs) > 0.1


def test_what_is_told_of_the_files(recogniser: Recogniser, keyword_model: KeywordModel) -> None:
    imported = nemo.read(QUARTZNET)
    assert imported.target == "nemo.collections.asr.models.ctc_models.EncDecCTCModel"
    assert imported.release == "3.0.0"
    assert recogniser.vocabulary.tokens == list(" abcdefghijklmnopqrstuvwxyz'")
    assert keyword_model.labels == ("down", "no", "off", "on", "yes")
    assert not recogniser.training
    assert not keyword_model.training


def test_no_number_of_the_file_is_left_over(recogniser: Recogniser) -> None:
    theirs = sum(
        tensor.numel()
        for name, tensor in state_of(QUARTZNET).items()
        if name.startswith(("encoder.", "decoder.")) and tensor.dim()
    )
    ours = sum(tensor.numel() for tensor in package.package_tensors(recogniser, recogniser.placed).values())
    assert ours == theirs


@pytest.mark.parametrize("prefix", ["./", ""])
@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_archives_of_older_releases(mode, prefix: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "old.nemo", config_of(MATCHBOXNET), state_of(MATCHBOXNET), mode, prefix)
    old, new = nemo.read(path).model.state_dict(), nemo.read(MATCHBOXNET).model.state_dict()
    assert all(torch.equal(old[name], new[name]) for name in new)


def test_weights_in_half_precision_and_in_pytorchs_old_format(tmp_path: Path) -> None:
    state = {name: tensor.half() for name, tensor in state_of(MATCHBOXNET).items()}
    buffer = io.BytesIO()
    torch.save(state, buffer, _use_new_zipfile_serialization=False)
    model = nemo.read(packed(tmp_path / "half.nemo", config_of(MATCHBOXNET), buffer.getvalue())).model
    expected = nemo.read(MATCHBOXNET).model.network.head.weight
    assert model.network.head.weight.dtype == torch.float32
    assert torch.allclose(model.network.head.weight, expected, atol=1e-3)
