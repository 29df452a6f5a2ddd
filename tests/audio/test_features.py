from typing import Any

import pytest
import torch
import torchaudio.transforms as T
from torch import Tensor

from speechsrt.audio.features import LogMel, Mfcc
from speechsrt.errors import UserError

TOLERANCE = {torch.float64: 1e-5, torch.float32: 1e-3}
MEL: dict[str, Any] = {
    "n_fft": 512,
    "hop_length": 160,
    "f_min": 0.0,
    "power": 2.0,
    "center": True,
    "pad_mode": "reflect",
}
SOUNDS = ["noise", "tone", "silence", "click", "quiet"]


def sound(kind: str, samples: int = 16000) -> Tensor:
    time = torch.arange(samples, dtype=torch.double)
    made = {
        "noise": 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(0), dtype=torch.double),
        "tone": 0.5 * torch.sin(2 * torch.pi * 440 * time / 16000),
        "silence": torch.zeros(samples, dtype=torch.double),
        "click": (time == samples // 2).double(),
        "quiet": 1e-5 * torch.sin(time),
    }
    return made[kind][None]


def reference_log_mel(x: Tensor, rate: int, bands: int, window: int) -> Tensor:
    """Torchaudio's mel spectrogram, logarithm taken, (B, T, C)."""
    mel = T.MelSpectrogram(rate, win_length=window, n_mels=bands, norm=None, mel_scale="htk", **MEL)
    return (mel.to(x.dtype)(x) + 1e-6).log().transpose(1, 2)


def reference_mfcc(x: Tensor, rate: int = 16000, bands: int = 64, window: int = 400) -> Tensor:
    """Torchaudio's cosine basis over the log energies; its own MFCC lacks the recipe's logarithm."""
    return reference_log_mel(x, rate, bands, window) @ basis(bands).to(x.dtype)


def basis(bands: int) -> Tensor:
    matrix = T.MFCC(16000, n_mfcc=bands, melkwargs={"n_mels": bands, "n_fft": 512}).dct_mat
    assert isinstance(matrix, Tensor)
    return matrix


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cepstra_against_torchaudio(kind, dtype):
    x = sound(kind)
    ours = Mfcc().to(dtype)(x.to(dtype))
    assert ours.dtype == dtype
    assert ours.shape == (1, 128, 64)
    expected = reference_mfcc(x).to(dtype)
    torch.testing.assert_close(ours[:, 13:114], expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize("kind", SOUNDS)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_log_energies_against_torchaudio(kind, dtype):
    x = sound(kind)
    ours = LogMel().to(dtype)(x.to(dtype))
    expected = reference_log_mel(x, 16000, 40, 480).to(dtype)
    torch.testing.assert_close(ours, expected, rtol=0, atol=TOLERANCE[dtype])


def test_one_second_is_101_frames_in_the_middle_of_128():
    front = Mfcc()
    assert (front.count(16000), front.padded_count(16000)) == (101, 128)
    y = front(sound("noise").float())
    assert not y[:, :13].any()
    assert not y[:, 114:].any()
    assert y[:, 13:114].any(dim=2).all()


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 256, 257, 400, 8000, 16000, 48000])
def test_number_of_frames(samples):
    front = Mfcc()
    y = front(torch.randn(2, samples))
    assert y.shape == (2, front.padded_count(samples), 64)
    assert int(y[0].any(dim=1).sum()) == front.count(samples) == samples // 160 + 1
    assert torch.isfinite(y).all()


@pytest.mark.parametrize("samples", [300, 48000])
def test_other_lengths_against_torchaudio(samples):
    x = sound("noise", samples)
    front = LogMel().double()
    torch.testing.assert_close(front(x), reference_log_mel(x, 16000, 40, 480), rtol=0, atol=1e-5)


def test_a_sound_too_short_to_be_reflected_stands_among_zeros():
    x = torch.randn(1, 100, dtype=torch.double)
    longer = torch.cat([torch.zeros(1, 256), x, torch.zeros(1, 2000)], 1)
    front = LogMel(hop_seconds=0.016).double()
    torch.testing.assert_close(front(x)[:, 0], front.frames(longer)[:, 0])


@pytest.mark.parametrize("front", [LogMel(), Mfcc(pad_multiple=1)], ids=["log_mel", "mfcc"])
def test_frames_of_a_sound_are_those_of_its_pieces(front: LogMel):
    x = sound("noise", 4000).float()
    whole = front.frames(x)
    assert whole.shape[1] == (4000 - front.n_fft) // front.hop + 1
    piece = front.frames(x[:, 3 * front.hop : 3 * front.hop + front.n_fft])
    torch.testing.assert_close(piece[:, 0], whole[:, 3])


def test_eight_kilohertz():
    x = sound("noise", 8000)
    front = Mfcc(sample_rate=8000, n_fft=256).double()
    settings: dict[str, Any] = MEL | {"n_fft": 256, "hop_length": 80}
    mel = T.MelSpectrogram(8000, win_length=200, n_mels=64, norm=None, mel_scale="htk", **settings).double()
    expected = (mel(x) + 1e-6).log().transpose(1, 2) @ basis(64).double()
    assert (front.hop, front.window_length, front.count(8000)) == (80, 200, 101)
    torch.testing.assert_close(front(x)[:, 13:114], expected, rtol=0, atol=1e-5)


def test_batches_do_not_mix():
    front = Mfcc()
    x = torch.cat([sound(kind).float() for kind in SOUNDS])
    together = front(x)
    for n in range(len(x)):
        torch.testing.assert_close(front(x[n : n + 1])[0], together[n], rtol=0, atol=1e-3)


def test_silence_is_finite():
    y = Mfcc()(torch.zeros(1, 16000))
    assert y[0, 20, 0] == pytest.approx(8 * torch.tensor(1e-6).log().item(), rel=1e-5)
    assert y[0, 20, 1:].abs().max() < 1e-3


@pytest.mark.parametrize(
    ("multiple", "before", "after"),
    [(1, 0, 0), (2, 0, 1), (3, 0, 1), (4, 1, 2), (32, 13, 14), (101, 0, 0), (102, 0, 1)],
)
def test_centring(multiple, before, after):
    y = LogMel(pad_multiple=multiple).centred(torch.ones(1, 101, 2))
    assert y.shape[1] == 101 + before + after
    assert not y[:, :before].any()
    assert y[:, before : before + 101].all()
    assert not y[:, before + 101 :].any()


@pytest.mark.parametrize("kind", [LogMel, Mfcc])
def test_settings_rebuild_the_front_end(kind):
    front = kind(sample_rate=22050, channels=20, n_fft=1024, pad_multiple=5)
    again = kind(**front.settings())
    assert again.settings() == front.settings()
    x = torch.randn(2, 5000)
    assert torch.equal(again(x), front(x))


def test_nothing_of_a_front_end_is_trained_or_stored():
    assert list(Mfcc().parameters()) == []
    assert Mfcc().state_dict() == {}


def test_features_are_computed_in_full_precision_under_autocast():
    x = sound("tone").float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = Mfcc()(x)
    assert torch.equal(y, Mfcc()(x))


@pytest.mark.parametrize("key", ["sample_rate", "channels", "pad_multiple"])
@pytest.mark.parametrize("value", [0, -1])
def test_counts_below_one(key, value):
    with pytest.raises(UserError, match=rf"features\.{key}={value}: at least 1"):
        LogMel(**{key: value})


@pytest.mark.parametrize(
    ("key", "value"), [("hop_seconds", 0.0), ("window_seconds", 0.00005), ("hop_seconds", -1.0)]
)
def test_no_samples_in_a_hop_or_window(key, value):
    with pytest.raises(UserError, match=rf"{key}={value}.* samples at 16000 Hz; choose at least 1 and 2"):
        LogMel(**{key: value})


def test_a_window_longer_than_the_transform():
    with pytest.raises(UserError, match=r"features\.n_fft=256: the window has 480 samples at 16000 Hz"):
        LogMel(n_fft=256)


@pytest.mark.parametrize("offset", [0.0, -1e-6])
def test_an_offset_that_makes_silence_infinite(offset):
    with pytest.raises(UserError, match=r"features\.log_offset=.*: choose a number above 0"):
        LogMel(log_offset=offset)
