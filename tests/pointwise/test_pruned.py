"""Pruned layers: the timeline of each method by hand, the penalties written out, recovery, packing."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise import pruned
from speechsrt.pointwise.base import FLOAT_BITS, Cost, relative_error
from speechsrt.pointwise.pruned import Pruned, largest, recovered, sensing_matrix

INS, OUTS, TOTAL = 10, 8, 100
METHODS = ["one_shot", "gradual", "l1", "csp"]
TIMES = {"begin": 0.2, "end": 0.7, "every": 5}

every_method = pytest.mark.parametrize("method", METHODS)


def layer_of(method: str, seed: int = 0, **settings: Any) -> Pruned:
    torch.manual_seed(seed)
    return Pruned(INS, OUTS, method=method, **TIMES | settings).double()  # pyright: ignore


def trained(layer: Pruned, until: int = TOTAL) -> list[Tensor]:
    """Masks after each of so many steps, in which every weight is moved by chance, zeros too."""
    masks = []
    for step in range(1, until + 1):
        layer.matrix.data += 0.05 * torch.randn_like(layer.matrix)
        layer.after_step(step, TOTAL)
        masks.append(layer.mask.clone())
    return masks


def left_at(sparsity: float) -> int:
    return round((1 - sparsity) * INS * OUTS)


# --- when ---


@pytest.mark.parametrize("method", ["one_shot", "l1", "csp"])
def test_dense_until_the_end_of_pruning_then_all_at_once(method):
    layer = layer_of(method, sparsity=0.8)
    counts = [int(mask.sum()) for mask in trained(layer)]
    assert counts[:69] == [80] * 69
    assert counts[69:] == [16] * 31
    assert layer.settled


def test_gradual_follows_the_cubic_at_every_update():
    layer = layer_of("gradual", sparsity=0.8)
    counts = [80, *(int(mask.sum()) for mask in trained(layer))]
    assert counts[:21] == [80] * 21
    for step in range(21, TOTAL + 1):
        updated = min(70, step - step % 5)
        progress = (updated / TOTAL - 0.2) / 0.5
        assert abs(counts[step] - left_at(0.8 * (1 - (1 - progress) ** 3))) <= 1
    assert len(set(counts)) == 10, "dense, and the stages that differ by a weight at least"
    assert counts[70:] == [16] * 31


@pytest.mark.parametrize(("total", "every"), [(1, 20), (2, 20), (3, 1), (7, 3), (1000, 999)])
@every_method
def test_every_run_ends_with_what_was_asked_for(method, total, every):
    layer = layer_of(method, every=every, begin=0.1, end=0.5)
    assert not layer.settled
    for step in range(1, total + 1):
        layer.after_step(step, total)
        assert layer.settled or step < total / 2
    assert int(layer.mask.sum()) == left_at(0.9)


def test_pruning_may_last_to_the_last_step():
    layer = layer_of("gradual", begin=0.0, end=1.0, every=60)
    masks = trained(layer)
    assert int(masks[-2].sum()) > left_at(0.9)
    assert int(masks[-1].sum()) == left_at(0.9)


# --- which ---


@pytest.mark.parametrize("method", ["one_shot", "l1"])
def test_the_smallest_go(method):
    layer = layer_of(method, sparsity=0.75, end=0.21)
    trained(layer, 20)
    before = layer.matrix.detach().clone()
    layer.after_step(21, TOTAL)
    sizes = before.flatten().abs().sort(descending=True).values
    assert torch.equal(layer.mask, before.abs() >= sizes[19])
    assert torch.equal(layer.weight(), before * (before.abs() >= sizes[19]))


def test_gradual_takes_the_smallest_of_those_left():
    layer = layer_of("gradual", sparsity=0.75)
    for step in range(1, TOTAL + 1):
        layer.matrix.data += 0.05 * torch.randn_like(layer.matrix)
        before, mask = layer.matrix.detach().abs(), layer.mask.clone()
        layer.after_step(step, TOTAL)
        gone = mask & ~layer.mask
        if gone.any():
            assert before[gone].max() <= before[layer.mask].min()


def test_csp_keeps_the_places_that_were_recovered():
    layer = layer_of("csp", sparsity=0.75)
    trained(layer, 69)
    assert layer.mask.all()
    before = layer.matrix.detach().clone()
    layer.after_step(70, TOTAL)
    expected = recovered(before, layer.sensor, 20)
    assert torch.equal(layer.mask, expected != 0)
    assert torch.equal(layer.weight(), before * (expected != 0))


@every_method
def test_masks_only_shrink_and_zeros_stay_zero(method):
    layer = layer_of(method)
    masks = [torch.ones(OUTS, INS, dtype=torch.bool), *trained(layer)]
    for before, after in pairwise(masks):
        assert not (after & ~before).any()
    assert not layer.matrix[~layer.mask].any()
    assert layer.matrix[layer.mask].all()


@every_method
def test_no_gradient_reaches_what_is_gone(method):
    layer = layer_of(method)
    trained(layer)
    layer(torch.randn(5, INS, dtype=torch.double)).square().sum().backward()
    assert layer.matrix.grad is not None
    assert torch.equal(layer.matrix.grad != 0, layer.mask)


@every_method
def test_without_sparsity_everything_stays(method):
    layer = layer_of(method, sparsity=0.0)
    assert layer.settled
    assert all(mask.all() for mask in trained(layer))
    assert layer.penalty() == 0


@every_method
def test_at_least_one_weight_stays(method):
    layer = layer_of(method, sparsity=0.9999)
    trained(layer)
    assert int(layer.mask.sum()) == 1
    assert int((layer.weight() != 0).sum()) == 1


@every_method
def test_the_same_seed_prunes_the_same(method):
    first, second = layer_of(method, seed=1), layer_of(method, seed=1)
    for layer in (first, second):
        torch.manual_seed(7)
        trained(layer)
    assert torch.equal(first.mask, second.mask)
    assert torch.equal(first.weight(), second.weight())


# --- penalties ---


@pytest.mark.parametrize("method", ["one_shot", "gradual"])
def test_no_penalty_without_need(method):
    assert layer_of(method, l1=1.0, compression=1.0).penalty() == 0


@pytest.mark.parametrize("method", ["l1", "csp"])
def test_the_sum_of_sizes_is_added_until_the_weights_are_gone(method):
    layer = layer_of(method, l1=0.3)
    total = sum(abs(value) for row in layer.matrix.tolist() for value in row)
    assert float(layer.penalty().detach()) == pytest.approx(0.3 * total)
    trained(layer)
    assert layer.penalty() == 0
    assert not layer.penalty().requires_grad


def test_csp_adds_the_compression_error_from_its_first_recovery_on():
    layer = layer_of("csp", l1=0.3, compression=2.0, sensing=0.35)
    trained(layer, 24)
    assert not layer.recovered.any()
    sizes = float(layer.matrix.detach().abs().sum())
    assert float(layer.penalty().detach()) == pytest.approx(0.3 * sizes)
    trained(layer, 25)
    layer.matrix.data += 0.1
    error = 0.0
    unlike = (layer.matrix - layer.recovered).detach()
    for row in unlike:
        for measurement in layer.sensor:
            error += float((row * measurement).sum()) ** 2
    sizes = float(layer.matrix.detach().abs().sum())
    assert float(layer.penalty().detach()) == pytest.approx(0.3 * sizes + 2.0 * error / 0.35)
    layer.penalty().backward()
    assert layer.matrix.grad is not None
    seen = 2 * 2.0 / 0.35 * unlike @ layer.sensor.T @ layer.sensor
    torch.testing.assert_close(layer.matrix.grad, 0.3 * layer.matrix.detach().sign() + seen)


def test_csp_recovers_at_the_sparsity_of_the_moment():
    layer = layer_of("csp", sparsity=0.8)
    trained(layer, 44)
    assert int((layer.recovered != 0).sum()) == left_at(0.8 * (1 - (1 - 0.4) ** 3))
    trained(layer, 45)
    assert int((layer.recovered != 0).sum()) == left_at(0.8 * (1 - (1 - 0.5) ** 3))


# --- recovery ---


def sparse_matrix(seed: int) -> Tensor:
    """Sixteen rows of 64 entries, three of each, of size 1 to 3: 95 % are zero."""
    draws = torch.Generator().manual_seed(seed)
    places = torch.stack([torch.randperm(64, generator=draws)[:3] for _ in range(16)])
    sizes = 1 + 2 * torch.rand(16, 3, generator=draws, dtype=torch.double)
    signs = 1 - 2 * torch.randint(0, 2, (16, 3), generator=draws)
    return torch.zeros(16, 64, dtype=torch.double).scatter(1, places, signs * sizes)


@pytest.mark.parametrize("seed", range(4))
def test_a_sparse_matrix_is_recovered_from_half_as_many_measurements(seed, monkeypatch):
    weight, sensor = sparse_matrix(seed), sensing_matrix(seed, 64, 0.5).double()
    found = recovered(weight, sensor, 48)
    assert torch.equal(found != 0, weight != 0)
    assert relative_error(weight, found) < 0.02
    monkeypatch.setattr(pruned, "RECOVERY_STEPS", 300)
    torch.testing.assert_close(recovered(weight, sensor, 48), weight)


def test_with_as_many_measurements_as_entries_recovery_is_cutting():
    torch.manual_seed(0)
    weight = torch.randn(6, 9, dtype=torch.double)
    found = recovered(weight, sensing_matrix(1, 9, 1.0).double(), 20)
    torch.testing.assert_close(found, weight * largest(weight.abs(), 20), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("length", "share", "rows"), [(1, 0.5, 1), (10, 0.01, 1), (10, 0.25, 3), (64, 0.5, 32)]
)
def test_measurements_are_orthonormal_and_as_many_as_said(length, share, rows):
    sensor = sensing_matrix(3, length, share).double()
    assert sensor.shape == (rows, length)
    torch.testing.assert_close(sensor @ sensor.T, torch.eye(rows, dtype=torch.double), atol=1e-6, rtol=0)


def test_measurements_are_those_of_the_seed():
    assert torch.equal(sensing_matrix(1, 8, 0.5), sensing_matrix(1, 8, 0.5))
    assert not torch.isclose(sensing_matrix(1, 8, 0.5), sensing_matrix(2, 8, 0.5)).any()


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12), st.data())
@settings(deadline=None)
def test_the_largest_are_as_many_as_asked_for_and_none_left_out_is_larger(sizes, data):
    count = data.draw(st.integers(1, len(sizes)))
    mask = largest(torch.tensor(sizes), count).tolist()
    assert sum(mask) == count
    kept = [size for size, stays in zip(sizes, mask, strict=True) if stays]
    assert sorted(kept) == sorted(sizes)[-count:]


# --- what is stored ---


@every_method
@pytest.mark.parametrize("steps", [0, 45, 100])
def test_masks_survive_a_state_dict(method, steps):
    layer = layer_of(method)
    trained(layer, steps)
    again = layer_of(method, seed=9)
    again.load_state_dict(layer.state_dict())
    for one in (layer, again):
        torch.manual_seed(5)
        for step in range(steps + 1, TOTAL + 1):
            one.matrix.data += 0.05 * torch.randn_like(one.matrix)
            one.after_step(step, TOTAL)
    assert torch.equal(again.mask, layer.mask)
    assert torch.equal(again.weight(), layer.weight())


@given(ins=st.integers(1, 9), outs=st.integers(1, 9), sparsity=st.floats(0, 0.99), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_packed_and_unpacked_is_the_same_to_the_bit(ins, outs, sparsity, seed):
    torch.manual_seed(seed)
    layer, _ = Pruned.from_dense(torch.randn(outs, ins), sparsity=sparsity)
    packed = layer.pack()
    assert packed["present"].shape == (-(-ins * outs // 8),)
    assert packed["values"].shape == (max(1, round((1 - sparsity) * ins * outs)),)
    again = Pruned(ins, outs, sparsity=sparsity)
    again.unpack(packed)
    assert torch.equal(again.weight(), layer.weight())
    assert again.settled


@every_method
def test_cost_is_what_is_left_and_a_bit_for_every_place(method):
    layer = layer_of(method, sparsity=0.75)
    assert layer.cost() == Cost(80, 80, 80 + 80 * FLOAT_BITS, 80, 80)
    trained(layer)
    assert layer.cost() == Cost(20, 80, 80 + 20 * FLOAT_BITS, 20, 20)


@every_method
def test_projection_keeps_the_largest_and_stays_as_it_is(method):
    torch.manual_seed(0)
    weight = torch.randn(OUTS, INS)
    layer, error = Pruned.from_dense(weight, method=method, sparsity=0.7)
    sizes = weight.flatten().abs().sort(descending=True).values
    assert torch.equal(layer.weight(), weight * (weight.abs() >= sizes[23]))
    assert error == pytest.approx(relative_error(weight, layer.weight()))
    assert layer.settled
    assert layer.penalty() == 0
    mask = layer.mask.clone()
    trained(layer)
    assert torch.equal(layer.mask, mask)


# --- mistakes ---


@pytest.mark.parametrize("sparsity", [-0.1, 1.0])
def test_sparsity_outside_its_range(sparsity):
    with pytest.raises(UserError, match=rf"pointwise\.sparsity={sparsity}: choose a share from 0 to below 1"):
        Pruned(4, 4, sparsity=sparsity)


@pytest.mark.parametrize(("begin", "end"), [(0.5, 0.5), (0.6, 0.5), (-0.1, 0.5), (0.1, 1.1)])
def test_begin_and_end_out_of_order(begin, end):
    message = rf"pointwise\.begin={begin}, pointwise\.end={end}: shares of the run, begin before end"
    with pytest.raises(UserError, match=message):
        Pruned(4, 4, begin=begin, end=end)


@pytest.mark.parametrize("every", [0, -1])
def test_no_steps_between_updates(every):
    with pytest.raises(UserError, match=rf"pointwise\.every={every}: at least 1 step"):
        Pruned(4, 4, every=every)


@pytest.mark.parametrize(("l1", "compression"), [(-1.0, 0.0), (0.0, -1.0)])
def test_negative_weights_in_the_loss(l1, compression):
    message = rf"pointwise\.l1={l1}, pointwise\.compression={compression}: at least 0"
    with pytest.raises(UserError, match=message):
        Pruned(4, 4, l1=l1, compression=compression)


@pytest.mark.parametrize("sensing", [0.0, -0.5, 1.1])
def test_sensing_outside_its_range(sensing):
    with pytest.raises(UserError, match=rf"pointwise\.sensing={sensing}: choose a share above 0 and up to 1"):
        Pruned(4, 4, sensing=sensing)
