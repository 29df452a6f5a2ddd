"""Circulant, Fastfood, Monarch and grouped layers: their matrices written out, and their projections."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise.base import relative_error
from speechsrt.pointwise.circulant import Circulant
from speechsrt.pointwise.fastfood import Fastfood
from speechsrt.pointwise.grouped import Grouped
from speechsrt.pointwise.monarch import Monarch
from speechsrt.pointwise.transforms import hadamard_matrix

SHAPES = [(1, 1), (1, 6), (6, 1), (6, 6), (6, 4), (6, 15), (8, 12)]
WIDE = (512, 512)  # from this width on some kinds multiply by their parts

shaped = pytest.mark.parametrize(("ins", "outs"), SHAPES)


def drawn(outs: int, ins: int) -> Tensor:
    torch.manual_seed(outs + 100 * ins)
    return torch.randn(outs, ins, dtype=torch.double)


def apart(weight: Tensor, other: Tensor) -> float:
    return float((weight - other.detach()).square().sum())


# --- circulant ---


@shaped
def test_entries_of_a_circulant_depend_on_their_distance_alone(ins, outs):
    torch.manual_seed(0)
    layer = Circulant(ins, outs)
    weight, column = layer.weight().tolist(), layer.column.tolist()
    for i in range(outs):
        for j in range(ins):
            assert weight[i][j] == column[i // ins][(i - j) % ins]


@shaped
def test_the_nearest_circulant_is_the_mean_along_its_diagonals(ins, outs):
    weight = drawn(outs, ins)
    layer, error = Circulant.from_dense(weight)
    near = layer.weight().detach()
    assert error == pytest.approx(relative_error(weight, near))
    for i in range(outs):
        for j in range(ins):
            block = weight[ins * (i // ins) : ins * (i // ins + 1)]
            alike = [block[r, (r - i + j) % ins] for r in range(len(block))]
            assert float(near[i, j]) == pytest.approx(float(sum(alike)) / len(block))


@shaped
def test_no_other_circulant_is_nearer(ins, outs):
    weight = drawn(outs, ins)
    near, _ = Circulant.from_dense(weight)
    least = apart(weight, near.weight())
    for place in range(near.column.numel()):
        for step in (-1e-3, 1e-3):
            near.column.data.view(-1)[place] += step
            assert apart(weight, near.weight()) > least
            near.column.data.view(-1)[place] -= step


# --- Fastfood ---


def written_out(layer: Fastfood) -> Tensor:
    """S H G P H B, every factor a matrix, a square for each entry of the stack."""
    n, ins = layer.width, layer.in_channels
    squares = []
    for number in range(layer.stack):
        b = torch.zeros(n, ins, dtype=torch.double)
        b[:ins] = torch.diag(layer.before[number].detach().double())
        p = torch.zeros(n, n, dtype=torch.double)
        for row, taken in enumerate(layer.permutation[number].tolist()):
            p[row, taken] = 1
        g = torch.diag(layer.between[number].detach().double())
        squares.append(hadamard_matrix(n) @ g @ p @ hadamard_matrix(n) @ b)
    return torch.diag(layer.after.detach().double()) @ torch.cat(squares)[: layer.out_channels]


@pytest.mark.parametrize(("ins", "outs"), [*SHAPES, (16, 40), (64, 64)])
def test_fastfood_is_the_product_of_its_factors(ins, outs):
    torch.manual_seed(0)
    layer = Fastfood(ins, outs, seed=5).double()
    for factor in layer.parameters():
        torch.nn.init.normal_(factor)
    torch.testing.assert_close(layer.weight().detach(), written_out(layer))


def test_permutations_are_permutations_and_differ():
    layer = Fastfood(64, 256, seed=1)
    assert torch.equal(layer.permutation.sort(1).values, torch.arange(64).expand(4, 64))
    other = Fastfood(64, 256, seed=2)
    orders = [tuple(row) for row in [*layer.permutation.tolist(), *other.permutation.tolist()]]
    assert len(set(orders)) == 8
    assert torch.equal(Fastfood(64, 256, seed=1).permutation, layer.permutation)


def test_fastfood_starts_orthogonal_but_for_its_scale():
    weight = Fastfood(32, 32).double().weight().detach()
    size = weight.square().sum() / 32
    torch.testing.assert_close(weight @ weight.T, size * torch.eye(32, dtype=torch.double))


@pytest.mark.parametrize(("ins", "outs"), [*SHAPES, (16, 16), (32, 20)])
def test_projection_to_fastfood_is_no_worse_than_a_multiple_of_a_fresh_layer(ins, outs):
    weight = drawn(outs, ins)
    for seed in range(3):
        near, error = Fastfood.from_dense(weight, seed=seed)
        fresh = Fastfood(ins, outs, seed=seed).double().weight().detach()
        multiple = (weight * fresh).sum() / fresh.square().sum()
        assert error <= relative_error(weight, multiple * fresh) + 1e-9
        assert error == pytest.approx(relative_error(weight, near.weight()), abs=1e-9)


def test_projection_to_fastfood_is_the_same_every_time():
    weight = drawn(12, 8)
    first, second = (Fastfood.from_dense(weight)[0].weight() for _ in range(2))
    assert torch.equal(first, second)


# --- Monarch ---


def permutation(outer: int, inner: int) -> Tensor:
    """The matrix that takes number ``inner a + b`` to place ``outer b + a``."""
    moved = torch.zeros(outer * inner, outer * inner, dtype=torch.double)
    for a in range(outer):
        for b in range(inner):
            moved[outer * b + a, inner * a + b] = 1
    return moved


@pytest.mark.parametrize(
    ("ins", "outs", "blocks"), [(1, 1, 1), (6, 6, 1), (6, 6, 3), (8, 12, 4), (12, 8, 2), (16, 16, 4)]
)
def test_monarch_is_two_block_diagonal_factors_with_permutations(ins, outs, blocks):
    torch.manual_seed(0)
    layer = Monarch(ins, outs, blocks=blocks).double()
    right = torch.block_diag(*layer.right.detach())  # (k l, k p)
    left = torch.block_diag(*layer.left.detach())  # (l s, l k)
    expected = permutation(blocks, outs // blocks) @ left @ permutation(blocks, blocks) @ right
    torch.testing.assert_close(layer.weight().detach(), expected)


@pytest.mark.parametrize(("ins", "outs", "blocks"), [(6, 6, 1), (6, 6, 2), (8, 12, 4), (12, 8, 2), (6, 6, 6)])
def test_projection_to_monarch_loses_all_but_the_first_pair_of_every_part(ins, outs, blocks):
    weight = drawn(outs, ins)
    lost = 0.0
    for k in range(blocks):  # the inputs of block k
        for number in range(blocks):  # the outputs that come from block l of the left factor
            part = weight[number::blocks, k * (ins // blocks) : (k + 1) * (ins // blocks)]
            lost += float(torch.linalg.svdvals(part)[1:].square().sum())
    near, error = Monarch.from_dense(weight, blocks=blocks)
    assert apart(weight, near.weight()) == pytest.approx(lost, abs=1e-9)
    assert error == pytest.approx((lost / float(weight.square().sum())) ** 0.5, abs=1e-9)


@pytest.mark.parametrize(("ins", "outs", "blocks"), [(64, 64, 8), (128, 64, 8), (64, 128, 8), (1, 9, 1)])
def test_the_number_of_blocks_is_near_the_root_of_the_larger_width(ins, outs, blocks):
    assert Monarch(ins, outs).blocks == blocks
    assert Monarch(ins, outs).cost().trained_weights == blocks * (ins + outs)


@pytest.mark.parametrize("blocks", [0, -2, 4, 12])
def test_a_number_of_blocks_that_does_not_fit(blocks):
    with pytest.raises(
        UserError, match=rf"pointwise\.blocks={blocks}: a 18 x 12 layer takes 1, 2, 3, 6 blocks"
    ):
        Monarch(12, 18, blocks=blocks)


# --- grouped ---


@given(groups=st.integers(1, 4), ins=st.integers(1, 4), outs=st.integers(1, 4), shuffle=st.booleans())
@settings(deadline=None, max_examples=40)
def test_groups_do_not_see_each_other(groups, ins, outs, shuffle):
    layer = Grouped(groups * ins, groups * outs, groups=groups, shuffle=shuffle)
    weight = layer.weight().detach()
    for group in range(groups):
        for row in range(outs):
            place = row * groups + group if shuffle else group * outs + row
            own = slice(group * ins, (group + 1) * ins)
            assert torch.equal(weight[place, own], layer.blocks[group, row])
            weight[place, own] = 0
    assert not weight.any()


@pytest.mark.parametrize("shuffle", [False, True])
def test_projection_to_groups_keeps_what_is_in_them(shuffle):
    weight = drawn(12, 8)
    near, error = Grouped.from_dense(weight, groups=4, shuffle=shuffle)
    inside = near.weight() != 0
    assert inside.sum() == 12 * 8 / 4
    assert torch.equal(near.weight(), weight * inside)
    lost = float((weight * ~inside).square().sum() / weight.square().sum())
    assert error == pytest.approx(lost**0.5)


@pytest.mark.parametrize("groups", [0, -2, 4, 12])
def test_a_number_of_groups_that_does_not_fit(groups):
    with pytest.raises(
        UserError, match=rf"pointwise\.groups={groups}: a 18 x 12 layer takes 1, 2, 3, 6 groups"
    ):
        Grouped(12, 18, groups=groups)


# --- all ---


@pytest.mark.parametrize("kind", [Circulant, Fastfood, Monarch, Grouped])
def test_projection_does_not_mind_how_a_matrix_lies_in_memory(kind):
    weight = drawn(8, 12)
    straight, turned = kind.from_dense(weight), kind.from_dense(weight.T.contiguous().T)
    assert straight[1] == pytest.approx(turned[1])
    torch.testing.assert_close(straight[0].weight(), turned[0].weight())


@pytest.mark.parametrize("make", [Monarch, Grouped, partial(Grouped, shuffle=True)])
def test_wide_layers_are_the_same_product(make):
    torch.manual_seed(0)
    layer = make(*WIDE)
    for leading in [(), (3,), (2, 5), (0, 2)]:
        x = torch.randn(*leading, WIDE[0])
        torch.testing.assert_close(layer(x), x @ layer.weight().T, atol=1e-5, rtol=1e-4)
