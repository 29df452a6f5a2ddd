import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.audio.draws import between, uniform, whole

INDEX = torch.arange(20000)
quick = settings(max_examples=40, deadline=None)
seeds, epochs, streams = st.integers(0, 2**32 - 1), st.integers(0, 500), st.integers(0, 8)


def chi_square(draws: torch.Tensor, cells: int = 50) -> float:
    """Chi-square of a histogram over its degrees of freedom: near 1 for uniform draws."""
    counts = torch.histc(draws, cells, 0, 1)
    expected = len(draws) / cells
    return float(((counts - expected) ** 2 / expected).sum() / (cells - 1))


def slow_uniform(seed: int, epoch: int, index: int, stream: int, number: int) -> float:
    """One draw in whole numbers of any size."""
    low = 2**32 - 1

    def mix(word: int) -> int:
        word = (word ^ word >> 16) * 0x85EBCA6B & low
        word = (word ^ word >> 13) * 0xC2B2AE35 & low
        return word ^ word >> 16

    salt = (seed * 0x9E3779B1 + epoch * 0x85EBCA77 + stream * 0xC2B2AE3D) & low
    key = mix(mix((index + 1) & low) ^ salt)
    return (mix(key ^ mix((number * 0x27D4EB2F & low) + 1 & low)) >> 8) / 2**24


@given(seed=seeds, epoch=epochs, stream=streams, index=st.integers(0, 2**40), count=st.integers(1, 5))
@quick
def test_draws_are_the_reference(seed, epoch, stream, index, count):
    found = uniform(seed, epoch, torch.tensor([index]), stream, count)
    assert found.tolist() == [[slow_uniform(seed, epoch, index, stream, n) for n in range(count)]]


def test_nothing_drawn():
    assert uniform(0, 0, torch.arange(0), 0, 3).shape == (0, 3)
    assert uniform(0, 0, torch.arange(4), 0, 0).shape == (4, 0)


@pytest.mark.parametrize("stream", range(6))
@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (0, 199), (1, 0), (2**31, 7)])
def test_draws_are_uniform(seed, epoch, stream):
    draws = uniform(seed, epoch, INDEX, stream, 4)
    assert draws.dtype == torch.float32
    assert draws.min() >= 0
    assert draws.max() < 1
    for n in range(4):
        assert chi_square(draws[:, n]) < 1.9
    assert chi_square(uniform(seed, epoch, INDEX[:5], stream, 4000).flatten()) < 1.9


def correlation(one: torch.Tensor, other: torch.Tensor) -> float:
    return float(torch.corrcoef(torch.stack([one, other]))[0, 1].abs())


def test_streams_numbers_seeds_and_epochs_are_independent():
    base = uniform(0, 0, INDEX, 0, 2)
    others = [base[:, 1]]
    others += [uniform(0, 0, INDEX, stream, 1)[:, 0] for stream in range(1, 6)]
    others += [uniform(seed, 0, INDEX, 0, 1)[:, 0] for seed in (1, 2, 3)]
    others += [uniform(0, epoch, INDEX, 0, 1)[:, 0] for epoch in (1, 2, 3)]
    others += [base[:, 0].roll(1)]
    for other in others:
        assert correlation(base[:, 0], other) < 0.03
        assert (base[:, 0] == other).float().mean() < 0.01


@given(seed=seeds, epoch=epochs, stream=streams, order=st.permutations(range(7)))
@quick
def test_a_draw_depends_on_its_own_clip_alone(seed, epoch, stream, order):
    together = uniform(seed, epoch, torch.arange(7), stream, 3)
    assert torch.equal(uniform(seed, epoch, torch.tensor(order), stream, 3), together[order])
    assert torch.equal(uniform(seed, epoch, torch.tensor([5]), stream, 3), together[5:6])
    assert torch.equal(uniform(seed, epoch, torch.arange(7), stream, 2), together[:, :2])


@given(draw=st.floats(0, 1, exclude_max=True, width=32), count=st.integers(1, 2**24))
@quick
def test_whole_stays_inside(draw, count):
    numbers = whole(torch.tensor([0.0, draw, 1 - 2**-24]), count)
    assert numbers.dtype == torch.int64
    assert numbers[0] == 0
    assert 0 <= int(numbers[1]) <= int(numbers[2]) == count - 1


def test_whole_takes_a_count_for_each_draw():
    draws = torch.tensor([[0.0, 0.5, 0.99], [0.2, 0.6, 0.999]])
    assert whole(draws, torch.tensor([1, 2, 10])).tolist() == [[0, 1, 9], [0, 1, 9]]


def test_whole_is_uniform():
    counts = torch.bincount(whole(uniform(0, 0, INDEX, 0, 1)[:, 0], 7), minlength=7)
    assert counts.min() > 20000 / 7 * 0.93
    assert counts.max() < 20000 / 7 * 1.07


def test_between():
    assert between(torch.tensor([0.0, 0.5]), -90.0, -46.0).tolist() == [-90, -68]
    assert between(torch.tensor([0.3]), 2.0, 2.0).tolist() == [2]
