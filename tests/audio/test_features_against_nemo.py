"""MatchboxNet's front end and spectrogram masks against NVIDIA NeMo's (``scripts/peer/golden_nemo.py``)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from speechsrt.audio.augment import Key, SpectrogramAugment
from speechsrt.audio.features import Mfcc

FOLDER = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(FOLDER / "nemo_matchboxnet.npz") as file:
        wanted = ("waveform", "features", "features_double")
        return {key: torch.from_numpy(file[key]) for key in wanted}


def test_cepstra_in_single_precision(golden: dict[str, Tensor]) -> None:
    ours = Mfcc()(golden["waveform"].float() / 32768)
    torch.testing.assert_close(ours[:, 13:114].transpose(1, 2), golden["features"], rtol=0, atol=1e-3)
    assert ours.shape == (3, 128, 64)
    assert not ours[:, :13].any()
    assert not ours[:, 114:].any()


def test_cepstra_in_double_precision(golden: dict[str, Tensor]) -> None:
    ours = Mfcc().double()(golden["waveform"].double() / 32768)
    torch.testing.assert_close(
        ours[:, 13:114:8].transpose(1, 2), golden["features_double"], rtol=0, atol=1e-5
    )


RECTANGLES = {"rectangles": 5, "rectangle_frames": 25, "rectangle_channels": 15}
MASKS = {"time_masks": 2, "time_width": 25, "frequency_masks": 2, "frequency_width": 15}


@pytest.mark.parametrize(
    ("case", "settings", "stated"),
    [("rectangles", RECTANGLES, 0.03), ("together", RECTANGLES | MASKS, 0.06)],
)
def test_masks_hide_as_large_a_share(case: str, settings: dict[str, int], stated: float) -> None:
    # NeMo's rectangles may be as wide as the setting, its other masks are narrower by one at least.
    augment, ones, index = SpectrogramAugment(**settings), torch.ones(128, 128, 64), torch.arange(128)
    shares = [float((augment(ones, Key(0, epoch, index)) == 0).double().mean()) for epoch in range(20)]
    with np.load(FOLDER / "nemo_masks.npz") as golden:
        assert np.mean(shares) == pytest.approx(float(golden[f"{case}:frames"].mean()), rel=stated)
