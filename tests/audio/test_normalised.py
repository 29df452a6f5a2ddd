"""The recogniser's front end: against its definition, alone and beside longer utterances."""

from typing import Any

import pytest
import torch
import torchaudio.functional as AF
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.audio.normalised import NormalisedMel, normalised
from speechsrt.errors import UserError

quick = settings(max_examples=25, deadline=None)


def sound(samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(samples, generator=torch.Generator().manual_seed(seed))


def reference(waveform: torch.Tensor) -> torch.Tensor:
    """One utterance's features (T, 64) in double precision, step by step from the recipe."""
    x = waveform.double()
    x = torch.cat([x[:1], x[1:] - 0.97 * x[:-1]])
    window = torch.hann_window(320, periodic=False, dtype=torch.float64)
    spectrum = torch.stft(x, 512, 160, 320, window, center=True, pad_mode="constant", return_complex=True)
    bank = AF.melscale_fbanks(257, 0.0, 8000.0, 64, 16000, "slaney", "slaney").double()
    logs = (spectrum.abs().square().T @ bank + 2.0**-24).log()[: max(1, len(waveform) // 160)]
    deviation = logs.std(0, unbiased=True) if len(logs) > 1 else torch.zeros(64)
    return (logs - logs.mean(0)) / (deviation + 1e-5)


@pytest.mark.parametrize("samples", [400, 1600, 16000, 23457])
def test_features_follow_the_definition(samples: int):
    features, frames = NormalisedMel()(sound(samples)[None])
    expected = reference(sound(samples))
    assert frames.tolist() == [len(expected)]
    assert features.shape == (1, len(expected), 64)
    assert torch.allclose(features[0].double(), expected, atol=2e-3)


@given(st.lists(st.integers(1, 6000), min_size=1, max_size=4))
@quick
def test_an_utterance_has_the_same_features_alone_and_beside_longer_ones(lengths):
    front, rows = NormalisedMel(), [sound(n, seed) for seed, n in enumerate(lengths)]
    batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
    batch = torch.cat([batch, torch.zeros(len(rows), 700)], 1)
    together, frames = front(batch, torch.tensor(lengths))
    for row, count, features in zip(rows, frames.tolist(), together, strict=True):
        alone, _ = front(row[None])
        assert alone.shape[1] == count
        assert torch.allclose(alone[0], features[:count], atol=1e-3)
        assert not features[count:].any()


def test_edge_sizes():
    front = NormalisedMel()
    assert front(torch.zeros(0, 1600))[0].shape[0] == 0
    features, frames = front(sound(1)[None])
    assert features.shape == (1, 1, 64)
    assert frames.tolist() == [1]
    assert torch.isfinite(front(torch.zeros(2, 4000))[0]).all(), "silence has no deviation to divide by"


@pytest.mark.parametrize(
    ("rounding", "counts"), [("floor", [1, 1, 2]), ("floor_plus_one", [1, 2, 3]), ("ceil", [1, 1, 3])]
)
def test_the_count_of_frames_is_an_option(rounding, counts):
    front, samples = NormalisedMel(rounding=rounding), torch.tensor([159, 160, 321])
    assert front.count(samples).tolist() == counts
    features, frames = front(torch.zeros(3, 321), samples)
    assert frames.tolist() == counts
    assert features.shape == (3, max(counts), 64)


def test_settings_make_the_same_front_end():
    front = NormalisedMel(8000, 40, 0.025, 0.0125, 256, 0.9, 1e-6, "ceil")
    settings: dict[str, Any] = front.settings()
    assert NormalisedMel(**settings).settings() == settings


def test_normalised_of_one_frame_is_zero():
    assert not normalised(torch.randn(2, 3, 4), torch.tensor([1, 3]))[0].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, r"features\.channels=0: at least 1"),
        ({"n_fft": 256}, r"window are 160 and 320 samples at 16000 Hz; .* at most n_fft=256"),
        ({"hop_seconds": 0.0}, r"hop and window are 0 and"),
        ({"log_offset": 0.0}, r"features\.log_offset=0\.0: choose a number above 0"),
    ],
)
def test_mistakes(settings, message):
    with pytest.raises(UserError, match=message):
        NormalisedMel(**settings)
