"""Blocks of a sound: together the whole of it, resampled as if it had come at once."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.functional as AF
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.audio import blocks
from speechsrt.audio.blocks import ZERO_CROSSINGS, at_rate, file_blocks, microphone_blocks
from speechsrt.audio.files import UnreadableAudioError, resample
from speechsrt.errors import UserError

RATES = [(16000, 16000), (44100, 16000), (8000, 16000), (48000, 16000), (16000, 8000), (22050, 16000)]


@pytest.mark.parametrize(("rate", "target"), RATES)
@given(st.lists(st.integers(0, 3000), max_size=5))
@settings(max_examples=15, deadline=None)
def test_blocks_join_to_the_whole_resampled(rate: int, target: int, lengths: list[int]):
    sound = torch.randn(sum(lengths) + 7, generator=torch.Generator().manual_seed(1))
    joined = torch.cat(list(at_rate(sound.split([*lengths, 7]), rate, target)))
    whole = sound if rate == target else AF.resample(sound, rate, target, ZERO_CROSSINGS)
    assert len(joined) == -(-len(sound) * target // rate)
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-5)


def test_a_tone_keeps_its_pitch_and_its_time():
    time = torch.arange(44100) / 44100
    joined = torch.cat(list(at_rate(torch.sin(2 * torch.pi * 440 * time).split(1234), 44100, 16000)))
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 16000)
    torch.testing.assert_close(joined[200:-200], expected[200:-200], rtol=0, atol=2e-3)


@pytest.mark.parametrize("seconds", [0.01, 0.3, 10.0])
def test_a_file_of_two_channels(tmp_path: Path, seconds: float):
    stereo = np.random.default_rng(0).uniform(-0.5, 0.5, (5000, 2)).astype(np.float32)
    soundfile.write(str(tmp_path / "a.wav"), stereo, 16000, "FLOAT")
    joined = torch.cat(list(file_blocks(tmp_path / "a.wav", 16000, seconds)))
    np.testing.assert_allclose(joined.numpy(), stereo.mean(1), atol=1e-7)


def test_rates_without_much_in_common_give_what_the_whole_gives(tmp_path: Path):
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 11127).astype(np.float32)
    soundfile.write(str(tmp_path / "a.wav"), sound, 11127, "FLOAT")
    joined = torch.cat(list(file_blocks(tmp_path / "a.wav", 16000, 0.3)))
    np.testing.assert_array_equal(joined.numpy(), resample(sound, 11127, 16000))


class Microphone:
    """In place of sounddevice: blocks that the test has it hear."""

    PortAudioError = ValueError

    def __init__(self, blocks: int):
        self.blocks = blocks

    def query_devices(self, kind: str) -> dict[str, float]:
        return {"default_samplerate": 16000.0}

    # the name is sounddevice's
    def InputStream(self, callback: Callable[..., None], **_: object) -> AbstractContextManager[None]:  # noqa: N802
        for number in range(self.blocks):
            callback(np.full((800, 1), number, np.float32), 800, None, None)
        return nullcontext()


def test_a_microphone_gives_its_blocks_in_order_until_it_falls_silent(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone(3))
    monkeypatch.setattr(blocks, "SILENT_SECONDS", 0.05)
    heard = microphone_blocks(16000)
    assert [next(heard)[0].item() for _ in range(3)] == [0, 1, 2]
    with pytest.raises(UserError, match="input=mic: the microphone gives nothing any more; plug it in"):
        next(heard)


def test_a_model_slower_than_the_microphone_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sounddevice", Microphone(blocks.WAITING_BLOCKS + 1))
    with pytest.raises(UserError, match=r"input=mic: the model is too slow; write step_seconds=0\.2 or more"):
        list(microphone_blocks(16000))


def test_a_file_that_is_none(tmp_path: Path):
    (tmp_path / "a.wav").write_text("not a sound")
    with pytest.raises(UnreadableAudioError, match="is not a sound file that libsndfile reads"):
        list(file_blocks(tmp_path / "a.wav", 16000))


def test_samples_that_are_not_finite(tmp_path: Path):
    soundfile.write(str(tmp_path / "a.wav"), np.array([0.0, np.nan], np.float32), 16000, "FLOAT")
    with pytest.raises(UnreadableAudioError, match="holds samples that are not finite numbers"):
        list(file_blocks(tmp_path / "a.wav", 16000))


def test_a_microphone_that_is_not_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UserError, match="input=mic: needs sounddevice and PortAudio; type: pip install"):
        next(microphone_blocks(16000))
