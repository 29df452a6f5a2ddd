"""Structured matrices and their fast products, against definitions written out entry by entry."""

import math

import pytest
import torch
from torch import Tensor

from speechsrt.pointwise.transforms import (
    circulant,
    circulant_product,
    flat_circulants,
    fourier_cost,
    hadamard,
    hadamard_matrix,
    pad_last,
    power_of_two,
    skew_circulant,
    skew_circulant_product,
)

SIZES = [1, 2, 3, 8, 12]
POWERS = [1, 2, 8, 32]
KINDS = {
    False: (circulant, circulant_product),
    True: (skew_circulant, skew_circulant_product),
}

sized = pytest.mark.parametrize("n", SIZES)
either = pytest.mark.parametrize("skew", KINDS)


def wound(column: Tensor, skew: bool) -> Tensor:
    """The (skew-)circulant of a first column ``(n,)``: what comes around changes its sign in the skew one."""
    n = len(column)
    rows = [
        [float(column[i - j]) if i >= j else (-1 if skew else 1) * float(column[i - j + n]) for j in range(n)]
        for i in range(n)
    ]
    return torch.tensor(rows, dtype=torch.double)


def walsh(n: int) -> Tensor:
    """Sylvester's matrix by its recursion, ``[[H, H], [H, -H]] / sqrt 2``."""
    if n == 1:
        return torch.ones(1, 1, dtype=torch.double)
    half = walsh(n // 2)
    return torch.cat([torch.cat([half, half], 1), torch.cat([half, -half], 1)]) / math.sqrt(2)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double, generator=torch.Generator().manual_seed(0))


@sized
@either
def test_a_column_comes_around(n, skew):
    column = drawn(n)
    assert torch.equal(KINDS[skew][0](column), wound(column, skew))


@sized
@either
def test_many_columns_at_once(n, skew):
    columns = drawn(2, 3, n)
    found = KINDS[skew][0](columns)
    for a in range(2):
        for b in range(3):
            assert torch.equal(found[a, b], wound(columns[a, b], skew))


@sized
@either
def test_the_fourier_product_is_that_of_the_matrix(n, skew):
    column, x = drawn(n), drawn(4, n)
    torch.testing.assert_close(KINDS[skew][1](column, x), x @ wound(column, skew).T)


@either
def test_each_column_meets_its_own_vector(skew):
    columns, x = drawn(5, 8), drawn(3, 5, 8)
    expected = torch.stack([x[:, k] @ wound(columns[k], skew).T for k in range(5)], 1)
    torch.testing.assert_close(KINDS[skew][1](columns, x), expected)


@either
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_keep_the_precision(skew, dtype):
    product = KINDS[skew][1](drawn(12).to(dtype), drawn(2, 12).to(dtype))
    assert product.dtype == dtype
    torch.testing.assert_close(
        product.double(), drawn(2, 12) @ wound(drawn(12), skew).T, atol=1e-5, rtol=1e-5
    )


@sized
@either
def test_flat_circulants_are_orthogonal(n, skew):
    torch.manual_seed(n)
    columns = flat_circulants((3, n), skew)
    assert columns.shape == (3, n)
    for column in columns:
        matrix = wound(column, skew)
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(n, dtype=torch.double), atol=1e-6, rtol=0)


@either
def test_flat_circulants_are_random(skew):
    columns = flat_circulants((200, 9), skew)
    assert len({tuple(column) for column in columns.tolist()}) == 200
    assert columns.mean(0).abs().max() < 0.15
    torch.testing.assert_close(columns.var(0), torch.full((9,), 1 / 9), atol=0.05, rtol=0)


@either
def test_the_one_real_eigenvalue_of_an_odd_size_has_either_sign(skew):
    """Of a circulant it is the sum of the column, of a skew one the alternating sum."""
    columns = flat_circulants((50, 9), skew)
    signs = (-1.0) ** torch.arange(9) if skew else torch.ones(9)
    assert set((columns @ signs).round().tolist()) == {-1, 1}


@pytest.mark.parametrize("n", POWERS)
def test_hadamard_matrix(n):
    torch.testing.assert_close(hadamard_matrix(n), walsh(n))


@pytest.mark.parametrize("n", SIZES)
def test_hadamard_entries_tell_the_bits_that_both_indices_share(n):
    matrix = hadamard_matrix(n)
    for i in range(n):
        for j in range(n):
            assert float(matrix[i, j]) == pytest.approx((-1) ** (i & j).bit_count() / n**0.5)


@pytest.mark.parametrize("n", POWERS)
def test_hadamard_transform(n):
    x = drawn(2, 3, n)
    torch.testing.assert_close(hadamard(x), x @ walsh(n).T)
    torch.testing.assert_close(hadamard(hadamard(x)), x)


@pytest.mark.parametrize(
    ("n", "cost"),
    [
        (1, (0, 0)),
        (2, (2, 3)),  # one complex product, two complex sums, and half of that for real numbers
        (3, (12, 12)),  # six products, six sums
        (8, (24, 36)),  # three stages of four products and eight sums
        (6, (30, 33)),  # three products and six sums at 2, twelve and twelve at 3
    ],
)
def test_cost_of_a_fourier_transform(n, cost):
    assert fourier_cost(n) == cost


def test_a_prime_costs_as_much_as_the_definition():
    n = 13
    products = sums = n * (n - 1)
    assert fourier_cost(n) == (4 * products // 2, (2 * products + 2 * sums) // 2)


def test_power_of_two():
    assert [power_of_two(n) for n in (1, 2, 3, 4, 5, 63, 64, 65)] == [1, 2, 4, 4, 8, 64, 64, 128]


def test_padding_is_zeros_behind():
    assert pad_last(torch.ones(2, 1), 3).tolist() == [[1, 0, 0], [1, 0, 0]]
    assert torch.equal(pad_last(torch.ones(2, 3), 3), torch.ones(2, 3))
