import pytest
import torch
from torch import nn

from speechsrt.export.package import package_tensors, stored_bits
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.models.separable import Depthwise
from speechsrt.pointwise.base import Cost
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.placement import Assembled, assemble
from speechsrt.scoring.cost import layer_costs, total

TERNARY = {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["block"], "density": 0.25}
LOW_RANK = {"_target_": "speechsrt.pointwise.low_rank.LowRank", "where": ["last"], "rank": 16}


def built(*rules) -> Assembled:
    return assemble(lambda make: MatchboxNet(make, 64, 30), rules)


def costs(made: Assembled, frames: int = 128):
    roles = {placed.layer: (placed.slot.name, placed.slot.role) for placed in made.placed}
    return layer_costs(made.network, torch.zeros(1, frames, 64), roles)


@pytest.mark.parametrize("frames", [1, 101, 128])
def test_the_smallest_net_by_hand(frames):
    depthwise = 64 * 11 + 128 * 13 + 64 * 15 + 64 * 17 + 64 * 29
    separable = 64 * 128 + 128 * 64 + 64 * 64 + 64 * 64 + 64 * 128
    residual, last = 128 * 64 + 64 * 64 + 64 * 64, 128 * 128
    channels = 128 + 2 * (64 + 64 + 64) + 128 + 128  # of all normalisations
    a_frame = depthwise + separable + residual + last + channels
    weights = depthwise + separable + residual + last + 2 * channels + 128 * 30 + 30
    cost = total(costs(built(), frames))
    assert weights == 77_214
    assert cost.trained_weights == cost.total_weights == weights
    assert cost.stored_bits == 32 * (weights + 2 * channels)
    assert cost.multiplications == frames * a_frame + 128 * 30
    assert cost.additions == frames * a_frame + 128 * 30 + 30


def test_with_ternary_blocks_and_a_narrow_last_layer():
    fixed = 128 * 64 + 64 * 64 + 64 * 64
    plain, mixed = total(costs(built())), total(costs(built(TERNARY, LOW_RANK)))
    narrow = 16 * 256 - 128 * 128
    assert mixed.trained_weights == plain.trained_weights - fixed + narrow
    assert mixed.total_weights == plain.total_weights + narrow
    assert mixed.multiplications == plain.multiplications + 128 * (narrow - fixed)
    assert mixed.additions == plain.additions + 128 * (narrow - fixed + fixed // 4)


@pytest.mark.parametrize("rules", [[], [TERNARY], [LOW_RANK], [TERNARY, LOW_RANK]])
def test_counts_are_what_an_optimizer_and_a_package_hold(rules):
    made = built(*rules)
    cost = total(costs(made))
    assert cost.trained_weights == sum(p.numel() for p in made.network.parameters() if p.requires_grad)
    assert cost.stored_bits == stored_bits(made.network, made.placed)
    tensors = package_tensors(made.network, made.placed).values()
    assert cost.stored_bits == sum(8 * len(tensor.numpy().tobytes()) for tensor in tensors)


def test_every_layer_has_its_line():
    rows = {layer.name: layer for layer in costs(built(TERNARY))}
    assert (rows["block1.0"].role, rows["block1.0"].kind, rows["block1.0"].shape) == (
        "block",
        "ternary",
        (64, 128),
    )
    assert rows["block1.0"].cost == Cost(0, 64 * 128, 0, 0, 128 * 64 * 32)
    assert (rows["block2.residual"].role, rows["block2.residual"].kind) == ("residual", "learned")
    assert rows["prologue.units.0.depthwise"].kind == "depthwise"
    assert rows["prologue.units.0.depthwise"].shape == (64, 1, 11)
    assert rows["blocks.0.skip.norm"].kind == "norm"
    assert rows["head"].cost == Cost(3870, 3870, 32 * 3870, 3840, 3870)
    assert len(rows) == 9 + 5 + 9 + 1


def test_a_stride_counts_the_frames_that_come_out():
    net = nn.Sequential(Depthwise(4, 3, stride=2), nn.Linear(4, 2, bias=False))
    first, second = layer_costs(net, torch.zeros(1, 7, 4), {})
    assert first.cost.multiplications == 4 * 12
    assert second.cost == Cost(8, 8, 32 * 8, 4 * 8, 4 * 8)
    assert (first.name, first.role) == ("0", "")


def test_a_layer_used_twice_is_stored_once_and_works_twice():
    layer = nn.Linear(3, 3)
    (row,) = layer_costs(nn.Sequential(layer, layer), torch.zeros(1, 5, 3), {})
    assert row.cost == Cost(12, 12, 32 * 12, 2 * 5 * 9, 2 * 5 * 12)


def test_a_layer_that_is_not_used_costs_memory_alone():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return x

    (row,) = layer_costs(Idle(), torch.zeros(1, 5, 2), {})
    assert row.cost == Cost(6, 6, 192, 0, 0)


def test_a_matrix_used_without_a_call_works_as_often_as_the_layer_around_it():
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix, self.bias = Learned(3, 2), nn.Parameter(torch.zeros(2))

        def forward(self, x):
            return x @ self.matrix.weight().T + self.bias

        def cost(self):
            return Cost(2, 2, 64, 0, 2)

    around, matrix = layer_costs(nn.Sequential(Around()), torch.zeros(1, 5, 3), {})
    assert around.cost == Cost(2, 2, 64, 0, 5 * 2)
    assert matrix.cost == Cost(6, 6, 192, 5 * 6, 5 * 6)


def test_a_matrix_in_a_layer_without_a_price_costs_memory_alone():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = Learned(3, 2)

        def forward(self, x):
            return x

    (row,) = layer_costs(Idle(), torch.zeros(1, 5, 3), {})
    assert row.cost == Cost(6, 6, 192, 0, 0)


def test_weights_without_a_price_are_not_passed_over():
    with pytest.raises(AssertionError, match="tells no cost"):
        layer_costs(nn.Sequential(nn.PReLU()), torch.zeros(1, 5, 2), {})


def test_a_network_in_training_is_left_so_and_its_statistics_alone():
    made = built()
    before = {name: tensor.clone() for name, tensor in made.network.state_dict().items()}
    costs(made)
    assert made.network.training
    assert not any(module._forward_hooks for module in made.network.modules())
    for name, tensor in made.network.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_no_layers_cost_nothing():
    assert total([]) == Cost()
    assert layer_costs(nn.Identity(), torch.zeros(1, 2, 3), {}) == []
