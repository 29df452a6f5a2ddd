"""Rooms and microphones, against convolutions and gains taken one clip at a time."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.audio.augment import Key, WaveformAugment
from speechsrt.audio.rooms import DIRECT_DB, LOWEST, SILENT_SECONDS, Rooms, fast_size, tails
from speechsrt.errors import UserError

RATE = 8000


def waveforms(count: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(1))


def draws(rooms: Rooms, count: int) -> torch.Tensor:
    return torch.rand(count, rooms.draws, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("samples", [1, 7, 1000])
def test_a_room_is_the_sound_and_its_convolution_with_the_tail(samples):
    rooms, x = Rooms(RATE, [0.05, 0.2], 0.5, 0.0), waveforms(6, samples)
    draw = draws(rooms, 6)
    heard = rooms(x, draw)
    made = tails(RATE, [0.05, 0.2]).double().numpy()
    for clip, drawn, result in zip(x.double().numpy(), draw, heard, strict=True):
        echo = np.convolve(clip, made[int(drawn[0] * len(made))])[:samples] * float(drawn[1] < 0.5)
        np.testing.assert_allclose(result.numpy(), clip + echo, atol=1e-5)
    assert 0 < int((draw[:, 1] < 0.5).sum()) < 6


def test_tails_fall_by_sixty_decibels_in_time_and_hold_the_energy_that_was_drawn():
    made = tails(RATE, [0.4, 0.4]).double()
    energy = made.square()
    first, second = energy[:, 200:800].mean(), energy[:, 1800:2400].mean()
    assert 10 * math.log10(first / second) == pytest.approx(60 * 1600 / RATE / 0.4, abs=1.0)
    below = -10 * torch.log10(energy.sum(dim=1))
    assert DIRECT_DB[0] - 0.01 <= below.min() < 0
    assert 12 < below.max() <= DIRECT_DB[1] + 0.01
    assert (made[:, : round(SILENT_SECONDS * RATE)] == 0).all()
    assert torch.equal(tails(RATE, [0.1, 0.3]), tails(RATE, [0.1, 0.3]))


@pytest.mark.parametrize("octave", [0, 3, 5])
def test_a_tone_at_an_octave_has_the_gain_drawn_for_it(octave):
    rooms = Rooms(RATE, [0.1, 0.2], 0.0, 6.0)
    draw = draws(rooms, 1)
    tone = torch.sin(2 * math.pi * LOWEST * 2**octave * torch.arange(8000) / RATE)[None]
    decibels = 12 * draw[0, 2:] - 6
    gain = 10 ** (float(decibels[octave] - decibels.mean()) / 20)
    assert rooms(tone, draw)[0, 2000:6000].abs().max() == pytest.approx(gain, rel=0.05)


def test_without_room_or_colour_nothing_changes():
    rooms, x = Rooms(RATE, [0.1, 0.2], 0.0, 0.0), waveforms(3, 500)
    assert not rooms.heard
    torch.testing.assert_close(rooms(x, draws(rooms, 3)), x, rtol=0, atol=1e-6)
    assert rooms(x[:0], draws(rooms, 0)).shape == (0, 500)


@given(st.integers(1, 10**6))
def test_a_fast_size_is_enough_and_has_small_factors(least):
    size = fast_size(least)
    assert least <= size <= 2 * least
    for prime in (2, 3, 5):
        while size % prime == 0:
            size //= prime
    assert size == 1


def test_in_an_augmentation_a_clip_hears_the_same_room_in_any_batch():
    augment = WaveformAugment(RATE, reverb_probability=0.5, reverb_seconds=[0.1, 0.2], colour_db=6.0)
    x = waveforms(4, 900)
    together = augment(x, Key(3, 1, torch.tensor([5, 6, 7, 8])))
    alone = augment(x[2:3], Key(3, 1, torch.tensor([7])))
    torch.testing.assert_close(alone[0], together[2], rtol=1e-5, atol=1e-6)
    assert not torch.equal(together, augment(x, Key(3, 2, torch.tensor([5, 6, 7, 8]))))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reverb_probability": 2.0}, r"augment\.waveform\.reverb_probability=2\.0: choose 0 to 1"),
        ({"colour_db": -1.0}, r"augment\.waveform\.colour_db=-1\.0: at least 0"),
        (
            {"reverb_seconds": [0.5, 0.1]},
            r"augment\.waveform\.reverb_seconds=\[0\.5, 0\.1\]: write the lowest",
        ),
        (
            {"reverb_seconds": [0.0, 0.1]},
            r"augment\.waveform\.reverb_seconds=\[0\.0, 0\.1\]: choose 0\.01 to 10",
        ),
    ],
)
def test_mistakes(settings, message):
    with pytest.raises(UserError, match=message):
        WaveformAugment(RATE, **settings)
