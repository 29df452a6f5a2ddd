"""Long tracks: everything is in them once, at the times told, over noise at the level asked for."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.manifest import Clip
from speechsrt.corpora.tracks import PAUSES, Piece, first_hours, in_a_row
from speechsrt.loading.tracks import FLOOR, Track

RATE = 16000


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    """Three clips of constant loudness: two words and something else."""
    folder = tmp_path_factory.mktemp("clips")
    made = []
    for number, (label, level, samples) in enumerate(
        [("go", 0.3, 8000), ("stop", 0.1, 16000), ("unknown", 0.2, 4000)]
    ):
        path = folder / f"{number}.wav"
        soundfile.write(str(path), np.full(samples, level, np.float32), RATE, "FLOAT")
        made.append(Clip(str(path), samples / RATE, label))
    return made


def heard(track: Track) -> torch.Tensor:
    return torch.cat(list(track))


def pieces(clips: list[Clip], seed: int = 0) -> list[Piece]:
    return list(in_a_row(clips, ["go", "stop"], seed))


def test_all_is_there_once_where_it_is_said_to_be(clips: list[Clip]):
    track = Track(pieces(clips), RATE, [])
    sound = heard(track)
    assert track.hours == pytest.approx(len(sound) / RATE / 3600)
    assert sorted(said.word for said in track.said) == ["go", "stop"]
    for said in track.said:
        level = {"go": 0.3, "stop": 0.1}[said.word]
        begin, end = round(said.start * RATE), round(said.end * RATE)
        assert sound[begin:end].mean() == pytest.approx(level, abs=1e-3)
        assert sound[begin - 100 : begin].abs().max() < 0.01
    assert (sound > 0.15).sum() == 8000 + 4000


def test_without_noise_there_is_a_floor(clips: list[Clip]):
    sound = heard(Track(pieces(clips), RATE, []))
    quiet = sound[sound.abs() < 0.05]
    assert len(quiet) > RATE
    assert float(quiet.square().mean().sqrt()) == pytest.approx(FLOOR, rel=0.1)


@pytest.mark.parametrize("snr", [20.0, 0.0])
def test_noise_lies_under_the_pause_at_the_ratio_asked_for(clips: list[Clip], snr: float):
    noise = 0.01 * torch.randn(70_000, generator=torch.Generator().manual_seed(0))
    track = Track(pieces(clips), RATE, [], noise, snr)
    sound = heard(track)
    for said in track.said:
        level = {"go": 0.3, "stop": 0.1}[said.word]
        before = sound[round(said.start * RATE) - 6000 : round(said.start * RATE)]
        ratio = 20 * np.log10(level / float(before.square().mean().sqrt()))
        assert ratio == pytest.approx(snr, abs=1.0)


@given(st.integers(0, 100))
def test_the_order_is_the_seeds_and_pauses_lie_within_bounds(seed: int):
    clips = [Clip(f"/x/{number}.wav", 1.0, "go") for number in range(12)]
    made = pieces(clips, seed)
    assert made == pieces(clips[::-1], seed)
    assert {piece.clip for piece in made} == set(clips)
    assert all(PAUSES[0] <= piece.pause <= PAUSES[1] for piece in made)


@given(st.floats(0, 0.01))
def test_the_first_hours_are_a_beginning_that_reaches_so_far(hours: float):
    whole = pieces([Clip(f"/x/{number}.wav", 1.0, "go") for number in range(12)])
    some = list(first_hours(whole, hours))
    lengths = [piece.pause + piece.clip.duration for piece in some]
    assert some == whole[: len(some)]
    assert sum(lengths[:-1]) <= 3600 * hours
    assert len(some) == len(whole) or sum(lengths) >= 3600 * hours


def test_other_seeds_give_other_orders():
    clips = [Clip(f"/x/{number}.wav", 1.0, "go") for number in range(12)]
    assert len({tuple(piece.clip.path for piece in pieces(clips, seed)) for seed in range(5)}) == 5
