"""Singular values: the measure of rank, where to cut, ranks within a budget, and the trace norm's penalty."""

from itertools import product
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.low_rank import LowRank
from speechsrt.pointwise.spectrum import nu, rank_for, ranks_within, singular_values

SEEDS = st.integers(0, 1 << 30)
SIZES = st.just(0.0) | st.floats(1e-3, 8)
falling = st.lists(SIZES, min_size=1, max_size=4).map(lambda v: sorted(v, reverse=True))


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(seed))


def values(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.double)


# --- nu ---


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1)])
def test_of_a_single_value_nu_is_zero(shape):
    assert nu(singular_values(drawn(0, *shape))) == 0


@pytest.mark.parametrize("shape", [(2, 2), (5, 3), (3, 9)])
def test_nu_is_zero_at_rank_one_and_one_where_all_values_are_alike(shape):
    outer = drawn(0, shape[0], 1) @ drawn(1, 1, shape[1])
    assert nu(singular_values(outer)) == pytest.approx(0, abs=1e-6)
    u, _, v = torch.linalg.svd(drawn(2, *shape), full_matrices=False)
    assert nu(singular_values(3 * u @ v)) == pytest.approx(1)


def test_nu_by_hand():
    assert nu(values(4, 3)) == pytest.approx((7 / 5 - 1) / (2**0.5 - 1))
    assert nu(values(2, 2, 1, 0)) == pytest.approx((5 / 3 - 1) / (4**0.5 - 1))
    assert nu(values(0, 0)) == 0
    assert nu(values()) == 0


@given(falling, st.floats(0.1, 10))
def test_nu_is_a_share_whatever_the_scale(numbers, scale):
    own = nu(values(*numbers))
    assert -1e-12 <= own <= 1 + 1e-12
    assert nu(scale * values(*numbers)) == pytest.approx(own, abs=1e-12)


def test_singular_values_are_in_double_precision():
    weight = drawn(0, 4, 6).float()
    found = singular_values(weight)
    assert found.dtype == torch.float64
    torch.testing.assert_close(
        found.square(), torch.linalg.eigvalsh(weight.double() @ weight.double().T).flip(0)
    )


# --- a share of the squares ---


@pytest.mark.parametrize(
    ("numbers", "share", "rank"),
    [
        ([5.0], 0.5, 1),
        ([5.0], 1.0, 1),
        ([], 0.5, 1),
        ([0.0, 0.0], 0.9, 1),
        ([3.0, 0.0, 0.0], 1.0, 1),
        ([1.0, 1.0, 1.0, 1.0], 0.25, 1),
        ([1.0, 1.0, 1.0, 1.0], 0.26, 2),
        ([1.0, 1.0, 1.0, 1.0], 1.0, 4),
        ([2.0, 1.0, 1.0], 4 / 6, 1),
        ([2.0, 1.0, 1.0], 5 / 6, 2),
        ([1e6, 1e-3], 1e-9, 1),
    ],
)
def test_rank_for_a_share(numbers, share, rank):
    assert rank_for(values(*numbers), share) == rank


@given(falling, st.floats(0.01, 1))
def test_the_rank_is_the_smallest_that_holds_the_share(numbers, share):
    squares = [number**2 for number in numbers]
    rank = rank_for(values(*numbers), share)
    assert sum(squares[:rank]) >= (share - 1e-9) * sum(squares)
    assert rank == 1 or sum(squares[: rank - 1]) <= (share + 1e-9) * sum(squares)


# --- a budget ---


def lost(ranks: dict[str, int], spectra: dict[str, list[float]]) -> float:
    return sum(value**2 for name, own in spectra.items() for value in own[ranks[name] :])


def weights(ranks: dict[str, int], prices: dict[str, int]) -> int:
    return sum(prices[name] * rank for name, rank in ranks.items())


def affordable(budget: int, spectra: dict[str, list[float]], prices: dict[str, int]) -> list[dict[str, int]]:
    """All choices of ranks that a budget allows."""
    choices = product(*(range(1, len(own) + 1) for own in spectra.values()))
    named = [dict(zip(spectra, choice, strict=True)) for choice in choices]
    return [ranks for ranks in named if weights(ranks, prices) <= budget]


@given(st.lists(falling, min_size=1, max_size=3), st.integers(1, 9), st.integers(0, 60))
@settings(deadline=None)
def test_at_equal_prices_no_choice_loses_less(found, price, more):
    spectra = {f"layer{k}": own for k, own in enumerate(found)}
    prices = dict.fromkeys(spectra, price)
    budget = price * len(found) + more
    ranks = ranks_within(budget, spectra, prices)
    least = min(lost(choice, spectra) for choice in affordable(budget, spectra, prices))
    assert lost(ranks, spectra) == pytest.approx(least)


@given(
    st.lists(st.tuples(falling, st.integers(1, 9)), min_size=1, max_size=4),
    st.integers(0, 100),
)
@settings(deadline=None)
def test_a_budget_is_kept_and_used(found, more):
    spectra = {f"layer{k}": own for k, (own, _) in enumerate(found)}
    prices = {f"layer{k}": price for k, (_, price) in enumerate(found)}
    budget = sum(prices.values()) + more
    ranks = ranks_within(budget, spectra, prices)
    assert ranks in affordable(budget, spectra, prices), "it holds, every layer has a rank, none too many"
    left = budget - weights(ranks, prices)
    assert all(prices[name] > left for name in spectra if ranks[name] < len(spectra[name]))


def test_a_weight_goes_where_it_takes_off_most():
    spectra = {"cheap": [4.0, 2.0, 1.0], "dear": [9.0, 3.0, 3.0]}
    prices = {"cheap": 1, "dear": 4}
    # what a weight takes off: cheap 4 then 1, dear 9/4 then 9/4
    assert ranks_within(5, spectra, prices) == {"cheap": 1, "dear": 1}
    assert ranks_within(6, spectra, prices) == {"cheap": 2, "dear": 1}
    assert ranks_within(9, spectra, prices) == {"cheap": 3, "dear": 1}, "a second of dear does not fit"
    assert ranks_within(10, spectra, prices) == {"cheap": 2, "dear": 2}
    assert ranks_within(1000, spectra, prices) == {"cheap": 3, "dear": 3}
    spectra = {"cheap": [4.0, 2.0, 1.4], "dear": [9.0, 3.0, 2.5]}
    # 4, 9/4, then 1.96 for a weight of cheap before 6.25/4 for one of dear
    assert ranks_within(14, spectra, prices) == {"cheap": 3, "dear": 2}


def test_a_budget_that_not_even_rank_one_fits():
    with pytest.raises(UserError, match=r"weight_budget=9: rank one in each of 2 layers takes 10"):
        ranks_within(9, {"a": [1.0], "b": [1.0]}, {"a": 4, "b": 6})


# --- penalties ---


@given(outs=st.integers(1, 6), ins=st.integers(1, 6), weight=st.floats(0.01, 10), seed=SEEDS)
@settings(deadline=None, max_examples=40)
def test_of_balanced_factors_the_penalty_is_the_sum_of_singular_values(outs, ins, weight, seed):
    matrix = drawn(seed, outs, ins)
    layer, _ = LowRank.from_dense(matrix, rank=min(outs, ins), trace_norm=weight)
    assert float(layer.penalty().detach()) == pytest.approx(weight * float(singular_values(matrix).sum()))


@given(outs=st.integers(1, 6), ins=st.integers(1, 6), size=st.floats(0.01, 3), seed=SEEDS)
@settings(deadline=None, max_examples=60)
def test_no_other_factors_of_the_same_matrix_cost_less(outs, ins, size, seed):
    layer, _ = LowRank.from_dense(drawn(seed, outs, ins), rank=min(outs, ins), trace_norm=0.7)
    matrix, least = layer.weight().detach(), float(layer.penalty().detach())
    change = torch.eye(layer.rank, dtype=torch.double) + size * drawn(seed + 1, layer.rank, layer.rank)
    if torch.linalg.cond(change) > 1e6:
        return
    layer.left.data = layer.left.data @ change
    layer.right.data = torch.linalg.solve(change, layer.right.data)
    torch.testing.assert_close(layer.weight().detach(), matrix, atol=1e-6, rtol=1e-6)
    assert float(layer.penalty().detach()) >= least * (1 - 1e-9)


@pytest.mark.parametrize("kind", [LowRank, Learned])
def test_l2_is_half_the_squares_of_the_matrix(kind):
    own: dict[str, Any] = {"rank": 2} if kind is LowRank else {}
    layer = kind(5, 4, l2=0.3, **own).double()
    squares = sum(value**2 for row in layer.weight().tolist() for value in row)
    assert float(layer.penalty().detach()) == pytest.approx(0.15 * squares)
    layer.penalty().backward()
    assert kind(5, 4, **own).penalty() == 0


def test_both_penalties_add_up():
    layer = LowRank(5, 4, rank=2, trace_norm=0.2, l2=0.3)
    factors = layer.left.detach().square().sum() + layer.right.detach().square().sum()
    whole = layer.weight().detach().square().sum()
    torch.testing.assert_close(layer.penalty().detach(), 0.1 * factors + 0.15 * whole)
    assert layer.settings() == {"rank": 2, "trace_norm": 0.2, "l2": 0.3}


@pytest.mark.parametrize("name", ["trace_norm", "l2"])
def test_a_negative_penalty(name):
    with pytest.raises(UserError, match=rf"pointwise\.{name}=-0\.5: at least 0"):
        LowRank(4, 4, rank=2, **{name: -0.5})  # pyright: ignore


def test_a_negative_penalty_of_a_dense_layer():
    with pytest.raises(UserError, match=r"pointwise\.l2=-1: at least 0"):
        Learned(4, 4, l2=-1)


# --- a share of the squares as a setting ---


@pytest.mark.parametrize("share", [1e-9, 0.5, 0.9, 1.0])
def test_a_projection_takes_the_rank_that_holds_the_share(share):
    weight = drawn(0, 6, 9)
    layer, error = LowRank.from_dense(weight, explained_variance=share)
    assert layer.rank == rank_for(singular_values(weight), share)
    assert error**2 <= 1 - share + 1e-9
    assert layer.settings() == {"rank": layer.rank}


def test_a_share_needs_a_matrix_to_explain():
    message = (
        r"pointwise\.explained_variance=0\.9: needs a trained matrix, see compress; give rank or rank_ratio"
    )
    with pytest.raises(UserError, match=message):
        LowRank(4, 4, explained_variance=0.9)


@pytest.mark.parametrize("other", [{"rank": 2}, {"rank_ratio": 0.5}])
def test_a_share_and_a_rank(other):
    with pytest.raises(
        UserError, match=r"pointwise\.rank: give one of rank, rank_ratio and explained_variance"
    ):
        LowRank.from_dense(torch.ones(4, 4), explained_variance=0.9, **other)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_an_impossible_share(share):
    message = rf"pointwise\.explained_variance={share}: choose a share above 0 and up to 1"
    with pytest.raises(UserError, match=message):
        LowRank.from_dense(torch.ones(4, 4), explained_variance=share)
