"""Toeplitz-like layers: what a displacement rank holds, and what a projection finds of it."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise.base import relative_error
from speechsrt.pointwise.toeplitz import Toeplitz
from speechsrt.pointwise.transforms import circulant, skew_circulant

SIZES = st.integers(1, 9)


def product_sum(layer: Toeplitz) -> Tensor:
    """The sum of products of a circulant and a skew-circulant, square by square."""
    squares = []
    for plain, skew in zip(layer.plain.detach(), layer.skew.detach(), strict=True):
        terms = [circulant(g) @ skew_circulant(h) for g, h in zip(plain, skew, strict=True)]
        squares.append(torch.stack(terms).sum(0))
    return torch.stack(squares)


def shift(n: int, corner: float) -> Tensor:
    """Z: ones below the diagonal, `corner` where it comes around."""
    unit = torch.zeros(n, dtype=torch.double)
    unit[min(1, n - 1)] = 1
    return circulant(unit) if corner > 0 else (skew_circulant(unit) if n > 1 else -torch.ones(1, 1).double())


def random_toeplitz(ins: int, outs: int) -> Tensor:
    """Constant along every diagonal, ``(out, in)``."""
    values = torch.randn(ins + outs - 1, dtype=torch.double)
    return torch.stack([torch.stack([values[i - j + ins - 1] for j in range(ins)]) for i in range(outs)])


def layer_of(ins: int, outs: int, rank: int) -> Toeplitz:
    torch.manual_seed(ins + 31 * outs + 7 * rank)
    return Toeplitz(ins, outs, rank=rank).double()


@given(ins=SIZES, outs=st.integers(1, 20), data=st.data())
@settings(max_examples=40, deadline=None)
def test_squares_are_sums_of_circulants_times_skew_circulants(ins, outs, data):
    layer = layer_of(ins, outs, data.draw(st.integers(1, ins)))
    torch.testing.assert_close(layer.squares(), product_sum(layer))
    torch.testing.assert_close(layer.weight(), product_sum(layer).flatten(0, 1)[:outs])


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (2, 1), (2, 2), (3, 1), (8, 3), (12, 12)])
def test_the_displacement_has_the_rank(n, rank):
    layer = layer_of(n, n, rank)
    for factor in layer.parameters():
        torch.nn.init.normal_(factor)
    square = layer.squares()[0].detach()
    displacement = shift(n, 1.0) @ square - square @ shift(n, -1.0)
    assert torch.linalg.matrix_rank(displacement, rtol=1e-10) == rank


@pytest.mark.parametrize("n", [1, 2, 3, 8, 12])
def test_rank_one_holds_circulants_and_skew_circulants(n):
    layer, column = layer_of(n, n, 1), torch.randn(n, dtype=torch.double)
    unit = torch.eye(n, dtype=torch.double)[0]
    for plain, skew, expected in [
        (column, unit, circulant(column)),
        (unit, column, skew_circulant(column)),
    ]:
        layer.plain.data[0, 0], layer.skew.data[0, 0] = plain, skew
        torch.testing.assert_close(layer.weight().detach(), expected)
        assert Toeplitz.from_dense(expected, rank=1)[1] < 1e-7


@pytest.mark.parametrize("shape", [(2, 2), (3, 3), (8, 8), (12, 12), (5, 15), (8, 16)])
def test_rank_two_holds_toeplitz_matrices(shape):
    torch.manual_seed(0)
    assert Toeplitz.from_dense(random_toeplitz(*shape), rank=2)[1] < 1e-6


@pytest.mark.parametrize("shape", [(8, 5), (12, 7), (16, 4)])
def test_of_a_toeplitz_matrix_of_few_rows_next_to_nothing_is_lost(shape):
    """Its rows alone tell one of the two factors; the other is searched for."""
    torch.manual_seed(0)
    assert Toeplitz.from_dense(random_toeplitz(*shape), rank=2)[1] < 0.05


@pytest.mark.parametrize("n", [3, 8, 12])
def test_rank_two_holds_inverses_of_toeplitz_matrices(n):
    torch.manual_seed(0)
    matrix = random_toeplitz(n, n) + n * torch.eye(n, dtype=torch.double)
    inverse = torch.linalg.inv(matrix)
    assert Toeplitz.from_dense(inverse, rank=2)[1] < 1e-6
    assert Toeplitz.from_dense(inverse, rank=1)[1] > 1e-4


@pytest.mark.parametrize("n", [1, 2, 3, 6])
def test_rank_n_holds_every_matrix(n):
    torch.manual_seed(0)
    assert Toeplitz.from_dense(torch.randn(n, n, dtype=torch.double), rank=n)[1] < 1e-6


@pytest.mark.parametrize(("ins", "outs"), [(1, 7), (7, 1), (7, 3), (7, 6), (7, 8), (7, 20), (5, 15)])
@pytest.mark.parametrize("rank", [1, 2])
def test_projection_finds_a_member_of_any_shape(ins, outs, rank):
    if rank > ins:
        return
    weight = layer_of(ins, outs, rank).weight().detach()
    near, error = Toeplitz.from_dense(weight, rank=rank)
    assert error < 1e-7
    torch.testing.assert_close(near.weight().detach(), weight, atol=1e-6, rtol=1e-6)


@given(ins=st.integers(2, 7), outs=st.integers(1, 12), seed=st.integers(0, 1000))
@settings(max_examples=8, deadline=None)
def test_more_rank_loses_no_more(ins, outs, seed):
    torch.manual_seed(seed)
    weight = torch.randn(outs, ins, dtype=torch.double)
    errors = [Toeplitz.from_dense(weight, rank=rank)[1] for rank in range(1, ins + 1)]
    for less, more in pairwise(errors):
        assert more <= less + 1e-6
    assert errors[-1] < 1e-5


def test_the_error_told_is_that_of_the_layer():
    torch.manual_seed(0)
    weight = torch.randn(12, 8, dtype=torch.double)
    near, error = Toeplitz.from_dense(weight, rank=2)
    assert error == pytest.approx(relative_error(weight, near.weight()), rel=1e-9)
    assert 0.1 < error < 0.9


def test_single_precision_is_enough_for_a_wide_layer():
    torch.manual_seed(0)
    layer = Toeplitz(512, 512, rank=4)
    single = layer.weight().detach()
    assert relative_error(layer.double().weight().detach(), single) < 1e-4


def test_counts_are_two_columns_a_rank_and_square():
    assert Toeplitz(8, 20, rank=3).cost().trained_weights == 3 * 2 * 3 * 8
    assert Toeplitz(8, 3, rank=1).cost().trained_weights == 2 * 8


@pytest.mark.parametrize("rank", [0, -1, 9])
def test_rank_outside_its_range(rank):
    with pytest.raises(
        UserError, match=rf"pointwise\.rank={rank}: a 20 x 8 layer takes a displacement rank from 1 to 8"
    ):
        Toeplitz(8, 20, rank=rank)
