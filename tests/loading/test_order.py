import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.loading.order import ResidentLoader, balanced, shuffled
from speechsrt.loading.resident import ResidentClips

quick = settings(max_examples=60, deadline=None)
seeds, epochs = st.integers(0, 2**32 - 1), st.integers(0, 300)
labels = st.lists(st.integers(0, 4), min_size=1, max_size=40)


def clips(label: list[int]) -> ResidentClips:
    """Clips whose every sample is their own number."""
    samples = torch.arange(len(label), dtype=torch.int16)[:, None].expand(-1, 3)
    return ResidentClips(
        samples, torch.tensor(label, dtype=torch.long), [f"{n}.wav" for n in range(len(label))]
    )


def numbers(loader: ResidentLoader) -> list[list[int]]:
    return [batch.index.tolist() for batch in loader]


# --- order ---


@given(count=st.integers(0, 50), seed=seeds, epoch=epochs)
@quick
def test_shuffled_is_a_permutation_that_repeats(count, seed, epoch):
    order = shuffled(count, seed, epoch)
    assert sorted(order.tolist()) == list(range(count))
    assert torch.equal(order, shuffled(count, seed, epoch))


def test_epochs_and_seeds_shuffle_differently():
    seeds = [0, 1, 2, 3, 1 << 31, (1 << 32) - 1]
    orders = {tuple(shuffled(50, seed, epoch).tolist()) for seed in seeds for epoch in range(50)}
    assert len(orders) == 50 * len(seeds)


def test_the_order_of_a_seed_never_changes():
    assert shuffled(8, 0, 0).tolist() == [4, 0, 7, 3, 2, 5, 1, 6]
    assert shuffled(8, 0, 5).tolist() == [3, 6, 0, 2, 1, 4, 5, 7]


def test_shuffling_leaves_the_random_state_alone():
    state = torch.get_rng_state()
    shuffled(10, 0, 0)
    assert torch.equal(state, torch.get_rng_state())


@given(label=labels, seed=seeds, epoch=epochs)
@quick
def test_balanced_classes_are_as_large_as_the_largest(label, seed, epoch):
    total, largest = len(label), max(label.count(c) for c in label)
    order = balanced(torch.tensor(label), seed, epoch).tolist()
    assert len(set(order)) == len(order), "a repetition has a number of its own"
    for c in set(label):
        shown = [number for number in order if label[number % total] == c]
        assert len(shown) == largest
        times = [sum(number % total == clip for number in shown) for clip in range(total) if label[clip] == c]
        assert max(times) - min(times) <= 1
        for number in shown:
            assert number < total or number - total in order, (
                "the n-th repetition stands for the n-th showing"
            )


def test_what_is_repeated_in_part_changes_with_the_epoch():
    label = torch.tensor([0] * 30 + [1] * 20)
    extras = [frozenset(n for n in balanced(label, 0, epoch).tolist() if n >= 50) for epoch in range(10)]
    assert {len(extra) for extra in extras} == {10}
    assert len(set(extras)) == 10


# --- batches ---


@given(label=labels, size=st.integers(1, 12), shuffle=st.booleans(), balance=st.booleans(), epoch=epochs)
@quick
def test_an_epoch_shows_every_clip_in_batches_of_equal_size(label, size, shuffle, balance, epoch):
    loader = ResidentLoader(clips(label), size, shuffle, balance, seed=3)
    loader.set_epoch(epoch)
    batches = numbers(loader)
    sizes = [len(batch) for batch in batches]
    assert len(batches) == len(loader) == -(-sum(sizes) // size)
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1
    shown = sorted(number for batch in batches for number in batch)
    wanted = balanced(torch.tensor(label), 3, epoch) if balance else torch.arange(len(label))
    assert shown == sorted(wanted.tolist())


@given(
    label=labels,
    size=st.integers(1, 5),
    world=st.integers(1, 4),
    balance=st.booleans(),
    shuffle=st.booleans(),
)
@quick
def test_devices_share_an_epoch_without_overlap(label, size, world, balance, shuffle):
    shares = [
        numbers(ResidentLoader(clips(label), size, shuffle, balance, rank=rank, world=world))
        for rank in range(world)
    ]
    whole = numbers(ResidentLoader(clips(label), size * world, shuffle, balance))
    assert {len(share) for share in shares} == {len(whole)}
    for step, together in enumerate(whole):
        parts = [share[step] for share in shares]
        assert sorted(number for part in parts for number in part) == sorted(together)
        assert max(map(len, parts)) <= size
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_not_shuffled_the_clips_come_as_they_lie():
    loader = ResidentLoader(clips([0, 1, 0, 1, 0]), 2)
    assert numbers(loader) == [[0, 1], [2, 3], [4]]
    assert numbers(loader) == [[0, 1], [2, 3], [4]]


def test_another_epoch_another_order_and_back_again():
    loader = ResidentLoader(clips([0] * 20), 6, shuffle=True)
    first = numbers(loader)
    loader.set_epoch(1)
    assert numbers(loader) != first
    loader.set_epoch(0)
    assert numbers(loader) == first


def test_a_batch_holds_the_clips_of_its_numbers():
    loader = ResidentLoader(clips([0, 1, 1]), 2, shuffle=True, balance=True, seed=5)
    for batch in loader:
        assert torch.equal(batch.waveform[:, 0] * 32768, (batch.index % 3).float())
        assert torch.equal(batch.label, torch.tensor([0, 1, 1])[batch.index % 3])


@pytest.mark.parametrize("balance", [True, False])
def test_no_clips(balance):
    loader = ResidentLoader(clips([]), 4, shuffle=True, balance=balance)
    assert len(loader) == 0
    assert list(loader) == []


def test_one_clip():
    assert numbers(ResidentLoader(clips([2]), 4, shuffle=True, balance=True)) == [[0]]


# --- going on ---


@given(label=labels, size=st.integers(1, 6), data=st.data(), epoch=st.integers(0, 3))
@quick
def test_an_epoch_goes_on_behind_the_last_batch_handed_out(label, size, data, epoch):
    loader = ResidentLoader(clips(label), size, True, True, seed=1)
    loader.set_epoch(epoch)
    whole = numbers(loader)
    done = data.draw(st.integers(1, len(whole)))
    iterator = iter(loader)
    for _ in range(done):
        next(iterator)
    state = loader.state_dict()
    assert state == {"epoch": epoch, "done": done}

    resumed = ResidentLoader(clips(label), size, True, True, seed=1)
    resumed.load_state_dict(state)
    resumed.set_epoch(epoch)
    assert numbers(resumed) == whole[done:]
    assert numbers(resumed) == whole, "only the first epoch is cut short"


def test_a_state_of_the_epoch_before_skips_nothing():
    loader = ResidentLoader(clips([0] * 9), 2, shuffle=True)
    loader.load_state_dict({"epoch": 3, "done": 5})
    loader.set_epoch(4)
    fresh = ResidentLoader(clips([0] * 9), 2, shuffle=True)
    fresh.set_epoch(4)
    assert numbers(loader) == numbers(fresh)


def test_clips_move_to_a_device():
    loader = ResidentLoader(clips([0, 1]), 2)
    loader.to(torch.device("cpu"))
    assert [batch.waveform.device.type for batch in loader] == ["cpu"]
