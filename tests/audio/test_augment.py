import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.audio.augment import Key, SpectrogramAugment, WaveformAugment, resped
from speechsrt.errors import UserError

NOISE = torch.sin(torch.arange(30000) * 0.7) * 0.3
EVERYTHING = {
    "speed": [0.9, 1.0, 1.1],
    "shift_seconds": 0.01,
    "background_probability": 0.5,
    "background_snr": [0.0, 20.0],
    "white_noise_db": [-60.0, -40.0],
}
MASKS = {
    "time_masks": 2,
    "time_width": 25,
    "frequency_masks": 2,
    "frequency_width": 15,
    "rectangles": 5,
    "rectangle_frames": 25,
    "rectangle_channels": 15,
}
COUNTS = st.integers(0, 3)
WIDTHS = st.integers(0, 30)


def key(*index: int, seed: int = 0, epoch: int = 0) -> Key:
    return Key(seed, epoch, torch.tensor(index))


def waveforms(count: int, samples: int = 4000) -> Tensor:
    return torch.randn(count, samples, generator=torch.Generator().manual_seed(1)) * 0.1


def augment(**arguments) -> WaveformAugment:
    made = WaveformAugment(**arguments)
    made.set_background(NOISE)
    return made


# --- who is given what ---


@pytest.mark.parametrize("seed", [0, 3])
def test_what_a_clip_is_given_depends_on_seed_epoch_and_index_alone(seed):
    wave, spectrogram = augment(**EVERYTHING), SpectrogramAugment(**MASKS)
    x, f = waveforms(6), torch.randn(6, 50, 40)
    numbers = [3, 1, 4, 15, 9, 26]
    for epoch in (0, 5):
        whole = key(*numbers, seed=seed, epoch=epoch)
        together, masked = wave(x, whole), spectrogram(f, whole)
        for rows in ([5, 2, 0], [1], [0, 1, 2, 3, 4, 5]):
            part = key(*(numbers[row] for row in rows), seed=seed, epoch=epoch)
            torch.testing.assert_close(wave(x[rows], part), together[rows], rtol=1e-6, atol=1e-7)
            assert torch.equal(spectrogram(f[rows], part), masked[rows])


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}])
def test_another_seed_or_epoch_gives_something_else(other):
    x, f = waveforms(4), torch.ones(4, 50, 40)
    numbers = (0, 1, 2, 3)
    wave, spectrogram = augment(**EVERYTHING), SpectrogramAugment(**MASKS)
    assert (wave(x, key(*numbers)) != wave(x, key(*numbers, **other))).any(dim=1).all()
    changed = spectrogram(f, key(*numbers)) != spectrogram(f, key(*numbers, **other))
    assert changed.flatten(1).any(dim=1).all()


def test_repetitions_of_one_clip_differ():
    x = waveforms(1).repeat(2, 1)
    y = augment(white_noise_db=[-40.0, -40.0])(x, key(3, 3 + 1000))
    assert (y[0] != y[1]).any()


@pytest.mark.parametrize("count", [0, 1])
def test_small_batches(count):
    x = waveforms(count)
    numbers = torch.arange(count)
    assert augment(**EVERYTHING)(x, Key(0, 0, numbers)).shape == x.shape
    assert SpectrogramAugment(**MASKS)(torch.ones(count, 1, 1), Key(0, 0, numbers)).shape == (count, 1, 1)


def test_nothing_is_changed_by_default():
    x, f = waveforms(2), torch.randn(2, 5, 4)
    assert WaveformAugment()(x, key(0, 1)) is x
    assert SpectrogramAugment()(f, key(0, 1)) is f


def test_nothing_is_stored():
    assert augment(**EVERYTHING).state_dict() == {}


def test_the_input_is_left_as_it_was():
    x, f = waveforms(3), torch.randn(3, 20, 10)
    before = x.clone(), f.clone()
    augment(**EVERYTHING)(x, key(0, 1, 2))
    SpectrogramAugment(**MASKS)(f, key(0, 1, 2))
    assert torch.equal(x, before[0])
    assert torch.equal(f, before[1])


# --- shift ---


def test_shifts_fill_with_zeros_and_use_the_whole_range():
    limit = 5
    x = torch.arange(1.0, 101.0).repeat(400, 1)
    y = WaveformAugment(sample_rate=1000, shift_seconds=0.005)(x, key(*range(400)))
    moved = [int((row != 0).nonzero()[0]) - int(row[row != 0][0] - 1) for row in y]
    assert set(moved) == set(range(-limit, limit + 1))
    for row, by in zip(y, moved, strict=True):
        expected = torch.zeros(100)
        expected[max(0, by) : 100 + min(0, by)] = x[0, max(0, -by) : 100 - max(0, by)]
        assert torch.equal(row, expected)


def test_a_shift_longer_than_the_clip_may_leave_nothing():
    y = WaveformAugment(sample_rate=1000, shift_seconds=1.0)(torch.ones(50, 10), key(*range(50)))
    assert ((y == 0) | (y == 1)).all()
    assert (y == 0).all(dim=1).any()


# --- noises ---


def level(x: Tensor) -> Tensor:
    """Root mean square of each row in dB of full scale."""
    return 10 * x.square().mean(1).log10()


def test_white_noise_lies_in_its_range_and_uses_it():
    y = WaveformAugment(white_noise_db=[-90.0, -46.0])(torch.zeros(300, 16000), key(*range(300)))
    levels = level(y)
    assert levels.min() > -90.3
    assert levels.max() < -45.7
    assert levels.min() < -86
    assert levels.max() > -50
    assert float(levels.mean()) == pytest.approx(-68, abs=2)
    assert torch.corrcoef(y[:20]).fill_diagonal_(0).abs().max() < 0.05


def test_white_noise_of_a_fixed_level():
    y = WaveformAugment(white_noise_db=[-20.0, -20.0])(torch.zeros(2, 16000), key(0, 1))
    assert level(y).tolist() == pytest.approx([-20, -20], abs=0.2)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_background_noise_has_exactly_its_ratio(snr):
    x = waveforms(20)
    y = augment(background_probability=1.0, background_snr=[snr, snr])(x, key(*range(20)))
    ratios = level(x) - level(y - x)
    assert ratios.tolist() == pytest.approx([snr] * 20, abs=0.01)


def test_background_ratios_lie_in_their_range():
    x = waveforms(200)
    ratios = level(x) - level(
        augment(background_probability=1.0, background_snr=[3.0, 12.0])(x, key(*range(200))) - x
    )
    assert ratios.min() > 2.99
    assert ratios.max() < 12.01
    assert ratios.max() - ratios.min() > 8


def test_background_noise_is_a_stretch_of_the_bank():
    x = waveforms(1, 200)
    made = augment(background_probability=1.0, background_snr=[0.0, 0.0])
    made.set_background(torch.randn(500, generator=torch.Generator().manual_seed(2)))
    noise = (made(x, key(7)) - x)[0]
    cuts = made.background.unfold(0, 200, 1)
    alike = torch.nn.functional.cosine_similarity(cuts, noise[None])
    assert alike.max() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 0.25, 0.35), (1.0, 1, 1)])
def test_background_comes_to_a_share_of_the_clips(share, low, high):
    x = waveforms(1000, 100)
    y = augment(background_probability=share)(x, key(*range(1000)))
    assert low <= float((x != y).any(dim=1).float().mean()) <= high


def test_a_short_background_is_repeated():
    made = augment(background_probability=1.0, background_snr=[0.0, 0.0])
    made.set_background(torch.tensor([1.0, -1.0, 0.5]))
    x = waveforms(2, 100)
    noise = made(x, key(0, 1)) - x
    torch.testing.assert_close(noise[:, 3:], noise[:, :-3], rtol=1e-4, atol=1e-5)
    assert noise.abs().min() > 0


def test_silence_stays_silent_under_background_noise_and_without_a_bank_nothing_comes():
    silent = torch.zeros(2, 100)
    assert not augment(background_probability=1.0)(silent, key(0, 1)).any()
    x = waveforms(2, 100)
    assert torch.equal(WaveformAugment(background_probability=1.0)(x, key(0, 1)), x)


# --- speed ---


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_speed_changes_length_and_pitch(factor):
    rate, samples, begin, end = 16000, 16000, 6000, 10000
    time = torch.arange(samples) / rate
    x = torch.zeros(1, samples)
    x[0, begin:end] = torch.sin(2 * torch.pi * 1000 * time[begin:end])
    y = resped(x, factor)
    assert y.shape == x.shape
    loud = (y[0].abs() > 0.2).nonzero()[:, 0]
    assert int(loud[-1] - loud[0]) == pytest.approx((end - begin) / factor, rel=0.01)
    middle = (loud[-1] + loud[0]) / 2
    assert float(middle) == pytest.approx(samples / 2, abs=40)
    spectrum = torch.fft.rfft(y[0]).abs()
    assert float(spectrum.argmax()) * rate / samples == pytest.approx(1000 * factor, abs=3)


@pytest.mark.parametrize("samples", [1, 2, 99, 1000])
@pytest.mark.parametrize("factor", [0.2, 0.93, 1.07, 5.0])
def test_speed_keeps_the_shape(samples, factor):
    assert resped(torch.ones(2, samples), factor).shape == (2, samples)


def test_each_clip_draws_one_of_the_speeds():
    x = waveforms(300, 400)
    y = WaveformAugment(speed=[0.8, 1.0, 1.25])(x, key(*range(300)))
    versions = [resped(x, 0.8), x, resped(x, 1.25)]
    same = torch.stack([torch.isclose(y, version, atol=1e-6).all(dim=1) for version in versions])
    assert (same.sum(0) == 1).all()
    assert same.float().mean(1).min() > 0.25


# --- masks ---


def slow_masks(shape: tuple[int, ...], key: Key, arguments: dict[str, int]) -> Tensor:
    """Clip by clip and mask by mask, from the draws as they are defined."""
    batch, frames, channels = shape
    plan = [("time_masks", "time_width", None), ("frequency_masks", None, "frequency_width")]
    plan += [("rectangles", "rectangle_frames", "rectangle_channels")]
    sizes = [
        (arguments[wide] if wide else None, arguments[high] if high else None)
        for number, wide, high in plan
        for _ in range(arguments[number])
    ]
    kept = torch.ones(shape)
    for clip in range(batch):
        one = Key(key.seed, key.epoch, key.index[clip : clip + 1])
        rows, columns = (one.uniform(stream, 2 * len(sizes))[0] for stream in (4, 5))
        for n, (wide, high) in enumerate(sizes):
            begin, end = slow_span(rows[n], rows[len(sizes) + n], wide, frames)
            low, top = slow_span(columns[n], columns[len(sizes) + n], high, channels)
            kept[clip, begin:end, low:top] = 0
    return kept


def slow_span(first: Tensor, second: Tensor, widest: int | None, size: int) -> tuple[int, int]:
    width = size if widest is None else math.floor(first * (min(widest, size) + 1))
    start = math.floor(second * (size - width + 1))
    return start, start + width


@given(
    shape=st.tuples(st.integers(0, 4), st.integers(1, 40), st.integers(1, 20)),
    counts=st.tuples(COUNTS, COUNTS, COUNTS),
    widths=st.tuples(WIDTHS, WIDTHS, WIDTHS, WIDTHS),
    epoch=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_masks_are_the_reference(shape, counts, widths, epoch):
    names = ("time_masks", "frequency_masks", "rectangles")
    sizes = ("time_width", "frequency_width", "rectangle_frames", "rectangle_channels")
    arguments: dict[str, int] = dict(zip((*names, *sizes), (*counts, *widths), strict=True))
    numbers = Key(1, epoch, torch.arange(shape[0]) * 17)
    assert torch.equal(
        SpectrogramAugment(**arguments)(torch.ones(shape), numbers), slow_masks(shape, numbers, arguments)
    )


def test_masks_are_never_wider_than_asked_and_reach_every_width_and_place():
    y = SpectrogramAugment(time_masks=1, time_width=5)(torch.ones(2000, 20, 3), key(*range(2000)))
    hidden = (y == 0).all(dim=2)
    assert torch.equal(hidden, (y == 0).any(dim=2))
    widths = hidden.sum(1)
    assert torch.bincount(widths, minlength=6).min() > 2000 / 6 * 0.8
    assert len(torch.bincount(widths)) == 6
    assert hidden.any(dim=0).all()
    edges = hidden.diff(dim=1).sum(1)
    assert edges.max() <= 2


@pytest.mark.parametrize("shape", [(4, 1, 1), (4, 3, 2)])
def test_masks_wider_than_the_features(shape):
    y = SpectrogramAugment(time_masks=1, time_width=99, frequency_masks=1, frequency_width=99)(
        torch.ones(shape), key(0, 1, 2, 3)
    )
    assert ((y == 0) | (y == 1)).all()


def test_masked_features_are_the_features_elsewhere():
    f = torch.randn(8, 60, 40, dtype=torch.double)
    y = SpectrogramAugment(**MASKS)(f, key(*range(8)))
    assert y.dtype == f.dtype
    assert ((y == f) | (y == 0)).all()
    assert (y == 0).any()


# --- mistakes ---


@pytest.mark.parametrize("limits", [[1.0], [], [2.0, 1.0], [1.0, 2.0, 3.0]])
@pytest.mark.parametrize("name", ["background_snr", "white_noise_db"])
def test_ranges(name, limits):
    with pytest.raises(
        UserError, match=rf"augment\.waveform\.{name}=.*: write the lowest and the highest value"
    ):
        WaveformAugment(**{name: limits})


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_probability(share):
    with pytest.raises(UserError, match=r"augment\.waveform\.background_probability=.*: choose 0 to 1"):
        WaveformAugment(background_probability=share)


def test_negative_shift():
    with pytest.raises(UserError, match=r"augment\.waveform\.shift_seconds=-0\.1: at least 0"):
        WaveformAugment(shift_seconds=-0.1)


@pytest.mark.parametrize("factor", [0.0, -1.0, 0.1, 6.0])
def test_speeds(factor):
    with pytest.raises(UserError, match=r"augment\.waveform\.speed=.*: choose factors between 0\.2 and 5"):
        WaveformAugment(speed=[1.0, factor])


@pytest.mark.parametrize("name", MASKS)
def test_negative_masks(name):
    with pytest.raises(UserError, match=rf"augment\.spectrogram\.{name}=-1: at least 0"):
        SpectrogramAugment(**{name: -1})
