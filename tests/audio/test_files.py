from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchaudio.functional import resample as windowed_sinc

from speechsrt.audio.files import Probe, UnreadableAudioError, probe, read, resample


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("channels", [1, 2])
def test_formats_and_channels(tmp_path: Path, suffix: str, channels: int):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(str(path), np.repeat(tone(0.5, 16000)[:, None], channels, axis=1), 16000)
    found = probe(path)
    assert (found.sample_rate, found.channels) == (16000, channels)
    assert found.duration == pytest.approx(0.5, abs=0.1)
    wave = read(path, 16000)
    assert wave.dtype == np.float32
    assert wave.ndim == 1
    assert len(wave) == pytest.approx(8000, abs=1600)
    assert np.abs(wave).max() == pytest.approx(0.5, abs=0.05)


def test_content_counts_and_not_the_name(tmp_path: Path):
    soundfile.write(str(tmp_path / "a.wav"), tone(0.1, 8000), 8000, format="FLAC")
    assert probe(tmp_path / "a.wav") == Probe(0.1, 8000, 1)


def test_channels_are_averaged(tmp_path: Path):
    left = tone(0.1, 16000)
    soundfile.write(str(tmp_path / "a.wav"), np.stack([left, np.zeros_like(left)], axis=1), 16000, "FLOAT")
    np.testing.assert_allclose(read(tmp_path / "a.wav", 16000), left / 2, atol=1e-7)


def test_one_sample_is_sound(tmp_path: Path):
    soundfile.write(str(tmp_path / "a.wav"), np.array([0.25]), 16000)
    assert read(tmp_path / "a.wav", 16000).tolist() == [0.25]
    assert read(tmp_path / "a.wav", 8000).shape == (1,)


def test_a_stretch_of_a_file(tmp_path: Path):
    wave = tone(1.0, 8000)
    soundfile.write(str(tmp_path / "a.wav"), wave, 8000, "FLOAT")
    np.testing.assert_array_equal(read(tmp_path / "a.wav", 8000, 0.25, 0.5), wave[2000:6000])
    np.testing.assert_array_equal(read(tmp_path / "a.wav", 8000, 0.75), wave[6000:])
    np.testing.assert_array_equal(read(tmp_path / "a.wav", 8000, 0.75, 9.0), wave[6000:])
    assert len(read(tmp_path / "a.wav", 16000, 0.25, 0.5)) == 8000


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44056, 44100, 44101, 48000, 96000])
def test_a_tone_stays_the_same_tone_at_any_rate(rate: int):
    resampled = resample(tone(1.0, rate), rate, 16000)
    assert len(resampled) == pytest.approx(16000, abs=1)
    expected = tone(1.0, 16000)[: len(resampled)]
    np.testing.assert_allclose(resampled[200:15800], expected[200:15800], atol=5e-3)


@pytest.mark.parametrize(("rate", "target"), [(44100, 16000), (8000, 16000), (48000, 16000), (16000, 22050)])
def test_speech_like_sound_comes_out_as_of_torchaudio(rate: int, target: int):
    noise = np.random.default_rng(0).standard_normal(rate // 2)
    smooth = np.convolve(noise, np.hanning(rate // 1500), "same").astype(np.float32)  # little above 3 kHz
    expected = windowed_sinc(torch.from_numpy(smooth), rate, target, lowpass_filter_width=64).numpy()
    error = resample(smooth, rate, target) - expected
    assert np.abs(error).max() < 2e-3 * np.abs(expected).max()


def test_resampling_keeps_what_fits_and_drops_what_does_not():
    assert np.abs(resample(tone(1.0, 16000, 7000), 16000, 8000)[80:-80]).max() < 1e-3
    assert np.abs(resample(tone(1.0, 16000, 3000), 16000, 8000)[80:-80]).max() == pytest.approx(0.5, rel=1e-2)


@given(st.integers(1, 300), st.sampled_from([8000, 16000, 44100]), st.sampled_from([8000, 16000]))
def test_the_length_after_resampling(length: int, rate: int, target: int):
    assert len(resample(np.zeros(length, np.float32), rate, target)) == -(-length * target // rate)


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("this is not sound")


def missing(path: Path) -> None:
    """Leaves nothing there."""


def frameless(path: Path) -> None:
    soundfile.write(str(path), np.zeros(0), 16000)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (empty, r"is empty \(0 bytes\); replace or remove the file"),
        (text, "is not a sound file that libsndfile reads"),
        (missing, "does not exist; check the path"),
        (frameless, "holds no sound"),
        (folder, "is a folder, not a sound file"),
    ],
)
def test_what_is_no_sound_is_told_with_its_reason(tmp_path: Path, make, reason: str):
    path = tmp_path / "a.wav"
    make(path)
    for reader in (probe, lambda path: read(path, 16000)):
        with pytest.raises(UnreadableAudioError, match=reason) as error:
            reader(path)
        assert error.value.path == str(path)
        assert str(error.value).startswith(f"{path}: {error.value.reason}; ")


def test_a_stretch_behind_the_end_is_told(tmp_path: Path):
    soundfile.write(str(tmp_path / "a.wav"), tone(0.5, 8000), 8000)
    with pytest.raises(UnreadableAudioError, match=r"a clip at 2 s begins behind the file's end at 0\.5 s"):
        read(tmp_path / "a.wav", 8000, 2.0)


def test_samples_that_are_no_numbers_are_told(tmp_path: Path):
    soundfile.write(str(tmp_path / "a.wav"), np.array([0, np.nan, 0], np.float32), 8000, "FLOAT")
    with pytest.raises(UnreadableAudioError, match="not finite numbers"):
        read(tmp_path / "a.wav", 8000)


def test_a_truncated_file_is_as_long_as_what_is_left(tmp_path: Path):
    path = tmp_path / "a.wav"
    soundfile.write(str(path), tone(1.0, 8000), 8000)
    path.write_bytes(path.read_bytes()[: 44 + 8000])
    assert len(read(path, 8000)) == 4000
    assert probe(path).duration == 0.5
