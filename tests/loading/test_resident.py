from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from speechsrt.audio.files import UnreadableAudioError
from speechsrt.corpora.manifest import Clip
from speechsrt.loading.resident import ResidentClips, read_clips, read_noise

RATE = 8000
WORDS = ["a", "b", "c"]


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> str:
    soundfile.write(path, samples.astype(np.int16), rate, subtype="PCM_16")
    return str(path)


def ramp(count: int, first: int = 1) -> np.ndarray:
    return np.arange(first, first + count)


def test_samples_are_those_of_the_file(tmp_path):
    extreme = np.array([0, 1, -1, 32767, -32768, 12345] * 20)
    path = write(tmp_path / "x.wav", extreme)
    clips = read_clips([Clip(path, 0.015, "b")], WORDS, RATE, 0.015)
    assert clips.samples.dtype == torch.int16
    assert clips.samples.tolist() == [extreme.tolist()]
    assert clips.label.tolist() == [1]
    assert clips.names == [path]
    batch = clips.batch(torch.tensor([0]))
    assert batch.waveform.dtype == torch.float32
    assert torch.equal(batch.waveform[0] * 32768, torch.from_numpy(extreme).float())


def test_longer_clips_are_cut_to_their_middle_and_shorter_ones_filled(tmp_path):
    long, short = write(tmp_path / "long.wav", ramp(14)), write(tmp_path / "short.wav", ramp(3))
    clips = read_clips([Clip(long, 1, "a"), Clip(short, 1, "c")], WORDS, RATE, 8 / RATE)
    assert clips.samples.tolist() == [list(range(4, 12)), [1, 2, 3, 0, 0, 0, 0, 0]]
    assert clips.label.tolist() == [0, 2]


def test_a_stretch_of_a_file(tmp_path):
    path = write(tmp_path / "x.wav", ramp(800))
    clip = Clip(path, 0.01, "a", offset=0.05)
    clips = read_clips([clip], WORDS, RATE, 0.01)
    assert clips.samples[0].tolist() == list(range(401, 481))
    assert clips.names == [f"{path}@0.05s"]


def test_another_rate_is_resampled(tmp_path):
    tone = 8000 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    path = write(tmp_path / "x.wav", tone, 16000)
    row = read_clips([Clip(path, 1.0, "a")], WORDS, RATE, 1.0).samples[0].double()
    assert len(row) == RATE
    expected = 8000 * torch.sin(2 * torch.pi * 440 * torch.arange(RATE, dtype=torch.double) / RATE)
    assert (row - expected)[500:-500].abs().max() < 100


def test_a_batch_takes_repetitions_apart(tmp_path):
    paths = [write(tmp_path / f"{n}.wav", ramp(4, 10 * n)) for n in range(3)]
    clips = read_clips(
        [Clip(path, 1, word) for path, word in zip(paths, WORDS, strict=True)], WORDS, RATE, 4 / RATE
    )
    batch = clips.batch(torch.tensor([2, 5, 0, 8]))
    assert batch.label.tolist() == [2, 2, 0, 2]
    assert batch.index.tolist() == [2, 5, 0, 8]
    assert (batch.waveform[:, 0] * 32768).tolist() == [20, 20, 0, 20]
    empty = clips.batch(torch.arange(0))
    assert empty.waveform.shape == (0, 4)


def test_no_clips():
    clips = read_clips([], WORDS, RATE, 0.01, progress=lambda *_: None)
    assert len(clips) == 0
    assert clips.samples.shape == (0, 80)
    assert clips.label.shape == (0,)


def test_order_is_kept_and_progress_told(tmp_path):
    path = write(tmp_path / "x.wav", ramp(600))
    many = [Clip(path, 1 / RATE, WORDS[n % 3], offset=n / RATE) for n in range(600)]
    told: list[tuple[str, int, int]] = []
    clips = read_clips(many, WORDS, RATE, 1 / RATE, progress=lambda *step: told.append(step))
    assert clips.samples[:, 0].tolist() == list(range(1, 601))
    assert clips.label.tolist() == [n % 3 for n in range(600)]
    assert told == [("reading clips", done, 600) for done in (256, 512, 600)]


def test_an_unreadable_file_stops(tmp_path):
    (tmp_path / "bad.wav").write_text("no sound")
    good = write(tmp_path / "good.wav", ramp(4))
    with pytest.raises(UnreadableAudioError, match=r"bad\.wav"):
        read_clips([Clip(good, 1, "a"), Clip(str(tmp_path / "bad.wav"), 1, "a")], WORDS, RATE, 0.01)


def test_or_is_listed_and_left_out(tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    goods = [write(tmp_path / f"{n}.wav", ramp(4, 5 * n)) for n in range(2)]
    rejected: list[tuple[str, str]] = []
    chosen = [Clip(goods[0], 1, "a"), Clip(str(bad), 1, "b"), Clip(goods[1], 1, "c")]
    clips = read_clips(chosen, WORDS, RATE, 4 / RATE, rejected=rejected)
    assert clips.names == goods
    assert clips.label.tolist() == [0, 2]
    assert clips.samples[:, 0].tolist() == [0, 5]
    assert [path for path, _ in rejected] == [str(bad)]
    assert all(reason for _, reason in rejected)


def test_noise_is_strung_together(tmp_path):
    path = write(tmp_path / "x.wav", ramp(800))
    noise = read_noise([Clip(path, 0.01, "", 0.0), Clip(path, 0.005, "", 0.05)], RATE)
    assert (noise * 32768).round().tolist() == [*range(1, 81), *range(401, 441)]
    assert noise.dtype == torch.float32
    assert read_noise([], RATE).shape == (0,)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_lies_as_far_below_as_was_asked(snr):
    draws = torch.Generator().manual_seed(0)
    clips = (2000 * torch.randn(3, 800, generator=draws)).to(torch.int16)
    whole = ResidentClips(clips, torch.zeros(3, dtype=torch.long), ["a", "b", "c"])
    mixed = whole.over(0.01 * torch.randn(5000, generator=draws), snr)
    noise = (mixed.samples - clips).double()
    found = 10 * torch.log10(clips.double().square().mean(1) / noise.square().mean(1))
    assert (found - snr).abs().max() < 0.1
    assert not torch.equal(noise[0] / noise[0].norm(), noise[1] / noise[1].norm())


def test_noise_is_the_same_each_time_and_cut_off_at_full_scale():
    loud = ResidentClips(torch.full((1, 50), 32000, dtype=torch.int16), torch.zeros(1), ["a"])
    noise = torch.linspace(-1, 1, 7)
    mixed = loud.over(noise, 0.0).samples
    assert torch.equal(mixed, loud.over(noise, 0.0).samples)
    assert mixed.max() == 32767
    assert mixed.min() >= -32768
    assert torch.equal(loud.samples, torch.full((1, 50), 32000, dtype=torch.int16))
