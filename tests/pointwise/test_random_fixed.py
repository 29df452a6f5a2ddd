"""Fixed Gaussian layers: the numbers a seed stands for, and that nothing else decides them."""

import math
from statistics import NormalDist

import pytest
import torch

from speechsrt.pointwise.base import Cost, relative_error
from speechsrt.pointwise.generators import layer_seed
from speechsrt.pointwise.placement import Slot, place
from speechsrt.pointwise.random_fixed import RandomFixed, gaussian

RULE = {"_target_": "speechsrt.pointwise.random_fixed.RandomFixed"}
MASK = (1 << 64) - 1
GOLDEN = [-1.20838116, 0.52524488, 0.28708056, -1.45476810]


def word(seed: int, number: int) -> int:
    """SplitMix64 in whole numbers, as `generators` describes it."""
    z = (seed + (number + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def in_network(name: str, seed: int = 0) -> RandomFixed:
    layer = place(Slot(name, "block", 16, 8), RULE | {"seed": seed}).layer
    assert isinstance(layer, RandomFixed)
    return layer


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (8, 16)])
@pytest.mark.parametrize("seed", [0, 7, MASK])
def test_entries_are_quantiles_of_the_words(seed, shape):
    outs, ins = shape
    expected = [
        [NormalDist().inv_cdf(((word(seed, o * ins + i) >> 11) + 0.5) / 2**53) for i in range(ins)]
        for o in range(outs)
    ]
    torch.testing.assert_close(gaussian(seed, outs, ins), torch.tensor(expected, dtype=torch.double))


def test_numbers_that_must_never_change():
    assert gaussian(3, 2, 2).flatten().tolist() == pytest.approx(GOLDEN, abs=1e-6)


def test_moments_are_those_of_a_gaussian():
    drawn = gaussian(1, 400, 500)
    assert abs(float(drawn.mean())) < 0.01
    assert float(drawn.std()) == pytest.approx(1, abs=0.01)
    assert float(drawn.pow(4).mean()) == pytest.approx(3, abs=0.1)
    assert float(drawn.abs().max()) < 6


@pytest.mark.parametrize(("ins", "outs"), [(300, 100), (100, 300), (200, 200)])
def test_entries_have_the_deviation_of_a_xavier_matrix(ins, outs):
    weight = RandomFixed(ins, outs).weight()
    assert float(weight.std()) == pytest.approx(math.sqrt(2 / (ins + outs)), rel=0.02)
    assert abs(float(weight.mean())) < 0.02 * math.sqrt(2 / (ins + outs))


def test_a_seed_is_a_matrix():
    torch.manual_seed(0)
    first = RandomFixed(8, 6, seed=4).weight()
    torch.manual_seed(1)
    assert torch.equal(RandomFixed(8, 6, seed=4).weight(), first)
    assert not torch.isclose(RandomFixed(8, 6, seed=5).weight(), first).any()


def test_layers_of_a_network_draw_different_matrices():
    layers = [in_network(f"block{number}.0") for number in range(5)]
    assert [layer.seed for layer in layers] == [layer_seed(0, f"block{number}.0") for number in range(5)]
    assert len({tuple(layer.weight().flatten().tolist()) for layer in layers}) == 5
    assert in_network("block1.0", seed=1).seed != in_network("block1.0").seed


def test_nothing_is_trained_and_nothing_stored():
    layer = RandomFixed(8, 6)
    assert layer.state_dict() == {}
    assert list(layer.parameters()) == []
    assert layer.cost() == Cost(0, 48, 0, 48, 48)


def test_projection_tells_what_the_best_multiple_leaves():
    torch.manual_seed(0)
    weight = torch.randn(6, 8, dtype=torch.double)
    layer, error = RandomFixed.from_dense(weight, seed=1)
    drawn = layer.weight()
    best = min(relative_error(weight, 0.01 * number * drawn) for number in range(-300, 301))
    assert error == pytest.approx(best, abs=1e-4)
