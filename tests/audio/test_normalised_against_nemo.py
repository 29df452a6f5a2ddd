"""The recogniser's front end against NVIDIA NeMo's in evaluation (``scripts/peer/golden_nemo_import.py``).

In training NeMo adds dither; here that is part of the augmentation.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from speechsrt.audio.normalised import NormalisedMel, normalised

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo_import.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    wanted = ("waveform", "lengths", "features", "frames", "logarithms", "counted", "counts")
    with np.load(GOLDEN) as file:
        return {key: torch.from_numpy(file[key]) for key in wanted}


def sound(golden: dict[str, Tensor]) -> Tensor:
    return golden["waveform"].float() / 32768


def test_features_of_a_batch(golden: dict[str, Tensor]) -> None:
    features, frames = NormalisedMel()(sound(golden), golden["lengths"])
    assert torch.equal(frames, golden["frames"])
    torch.testing.assert_close(features.transpose(1, 2), golden["features"], rtol=0, atol=5e-4)


def test_what_lies_behind_an_utterance_does_not_matter(golden: dict[str, Tensor]) -> None:
    for number, length in enumerate(golden["lengths"].tolist()):
        features, frames = NormalisedMel()(sound(golden)[number : number + 1, :length])
        expected = golden["features"][number, :, : int(frames)]
        torch.testing.assert_close(features[0].T, expected, rtol=0, atol=5e-4)


def test_normalisation(golden: dict[str, Tensor]) -> None:
    logarithms, frames = golden["logarithms"].transpose(1, 2), golden["frames"][:1]
    expected = golden["features"][:1].transpose(1, 2)
    torch.testing.assert_close(normalised(logarithms, frames), expected, rtol=0, atol=1e-5)


def test_training_makes_no_difference(golden: dict[str, Tensor]) -> None:
    front = NormalisedMel()
    trained, _ = front.train()(sound(golden))
    evaluated, _ = front.eval()(sound(golden))
    assert torch.equal(trained, evaluated)


def test_frames_are_counted_alike(golden: dict[str, Tensor]) -> None:
    assert torch.equal(NormalisedMel().count(golden["counted"]), golden["counts"])
