"""Batches of utterances: complete, within the budget, the same whatever reads them."""

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.corpora.manifest import Clip
from speechsrt.errors import UserError
from speechsrt.loading.bucketed import BucketedLoader
from speechsrt.loading.utterances import UtteranceBatch, Utterances

quick = settings(max_examples=60, deadline=None)
lengths = st.lists(st.floats(0.1, 30), min_size=1, max_size=60)
SPEEDS = [0.9, 1.0, 1.1]


def utterances(seconds: list[float]) -> Utterances:
    return Utterances([Clip(f"{n}.wav", s, "ab") for n, s in enumerate(seconds)], lambda text: [0, 1], 16000)


@pytest.fixture
def files(tmp_path: Path) -> Utterances:
    """Twelve files of noise, from 0.1 to 1.2 s."""
    rng, clips = np.random.default_rng(0), []
    for number in range(12):
        samples = 1600 * (number + 1)
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.standard_normal(samples), 16000)
        clips.append(Clip(str(tmp_path / f"{number}.wav"), samples / 16000, "ab"[: number % 3]))
    return Utterances(clips, lambda text: [ord(letter) - 97 for letter in text], 16000)


def same(one: UtteranceBatch, other: UtteranceBatch) -> bool:
    return all(torch.equal(getattr(one, key), getattr(other, key)) for key in vars(one))


@given(seconds=lengths, budget=st.floats(1, 100), shuffle=st.booleans(), epoch=st.integers(0, 3))
@quick
def test_an_epoch_shows_every_utterance_once_within_the_budget(seconds, budget, shuffle, epoch):
    loader = BucketedLoader(utterances(seconds), budget, shuffle, SPEEDS, seed=1)
    batches = loader.batches(epoch)
    assert sorted(number for number, _ in chain(*batches)) == list(range(len(seconds)))
    assert len(batches) == len(loader)
    for batch in batches:
        longest = max(seconds[number] / speed for number, speed in batch)
        assert len(batch) == 1 or longest * len(batch) <= budget + 1e-6


@given(seconds=lengths, world=st.integers(1, 4), epoch=st.integers(0, 3))
@quick
def test_devices_share_an_epoch_in_equal_parts(seconds, world, epoch):
    shares = []
    for rank in range(world):
        loader = BucketedLoader(utterances(seconds), 40, True, seed=3, rank=rank, world=world)
        shares.append(loader.batches(epoch)[rank::world])
        assert len(loader) == -(-len(loader.batches(epoch)) // world)
    everything = [number for share in shares for batch in share for number, _ in batch]
    assert sorted(everything) == list(range(len(seconds)))


def test_the_longest_batch_is_tried_first_and_epochs_differ():
    loader = BucketedLoader(utterances([1.0 + n / 10 for n in range(80)]), 20, True)
    first, second = loader.batches(0), loader.batches(1)
    sizes = [[sum(8.0 - n / 10 for n, _ in batch) for batch in epoch] for epoch in (first, second)]
    assert max(number for number, _ in first[0]) == 79
    assert sizes[0] != sizes[1]
    assert {len(epoch) for epoch in (first, second, loader.batches(2))} == {len(loader)}


def test_speeds_are_drawn_anew_each_epoch():
    loader = BucketedLoader(utterances([2.0] * 300), 50, True, SPEEDS, seed=5)
    epochs = [dict(chain(*loader.batches(epoch))) for epoch in (0, 1)]
    assert epochs[0] != epochs[1]
    for speeds in epochs:
        counts = [list(speeds.values()).count(speed) for speed in SPEEDS]
        assert min(counts) > 70


def test_scoring_goes_from_the_longest_to_the_shortest():
    loader = BucketedLoader(utterances([3.0, 9.0, 1.0, 4.0]), 5)
    assert [number for number, _ in chain(*loader.batches(7))] == [1, 3, 0, 2]


def test_batches_are_the_same_from_memory_from_files_and_from_workers(files: Utterances):
    loader = BucketedLoader(files, 2.0, True, SPEEDS)
    streamed = list(loader)
    assert all(
        same(*pair)
        for pair in zip(streamed, BucketedLoader(files, 2.0, True, SPEEDS, workers=2), strict=True)
    )
    held = files.part(range(12)).hold()
    for one, other in zip(streamed, BucketedLoader(held, 2.0, True, SPEEDS), strict=True):
        assert torch.allclose(one.waveform, other.waveform, atol=2e-4)
        assert torch.equal(one.targets, other.targets)
        assert torch.equal(one.lengths, other.lengths)


def test_an_epoch_goes_on_where_it_was_left(files: Utterances):
    whole = BucketedLoader(files, 1.5, True, SPEEDS, seed=2)
    whole.set_epoch(3)
    batches, state = [], {}
    for number, batch in enumerate(whole):
        batches.append(batch)
        if number == 2:
            state = whole.state_dict()
    again = BucketedLoader(files, 1.5, True, SPEEDS, seed=2)
    again.load_state_dict(state)
    rest = list(again)
    assert len(rest) == len(batches) - 3
    assert all(same(*pair) for pair in zip(batches[3:], rest, strict=True))
    assert len(list(again)) == len(batches)


def test_reading_leaves_the_random_state_alone(files: Utterances):
    state = torch.get_rng_state()
    list(BucketedLoader(files, 2.0, True, SPEEDS))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("workers", [0, 1])
def test_training_names_the_file_that_cannot_be_decoded(files: Utterances, workers: int):
    Path(files.clips[7].path).write_bytes(b"")
    with pytest.raises(UserError, match=r"7\.wav: is empty \(0 bytes\)"):
        list(BucketedLoader(files, 2.0, workers=workers))


def test_held_utterances_leave_out_what_cannot_be_decoded(files: Utterances):
    Path(files.clips[3].path).write_bytes(b"no sound")
    rejected: list[tuple[str, str]] = []
    held = files.hold(rejected=rejected)
    assert len(held) == 11
    assert [path for path, _ in rejected] == [files.clips[3].path]
    assert files.clips[3] not in held.clips
    with pytest.raises(UserError, match=r"3\.wav: is not a sound file"):
        files.hold()


def test_a_batch_holds_sound_tokens_and_lengths(files: Utterances):
    batch = files.batch([(4, 1.0), (1, 1.1)])
    assert batch.waveform.shape == (2, 8000)
    assert batch.lengths.tolist() == [8000, 2910]
    assert not batch.waveform[1, 2910:].any()
    assert batch.targets.tolist() == [0, 0]
    assert batch.target_lengths.tolist() == [1, 1]
    assert files.batch([]).waveform.shape == (0, 0)
