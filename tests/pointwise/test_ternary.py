import hashlib
from typing import Any

import numpy as np
import pytest
import torch

from speechsrt.errors import UserError
from speechsrt.pointwise.generators import GENERATORS, VERSION, layer_seed
from speechsrt.pointwise.placement import Slot, place
from speechsrt.pointwise.ternary import Ternary

GENERATOR = pytest.mark.parametrize("generator", GENERATORS)


@GENERATOR
@pytest.mark.parametrize("shape", [(1, 1), (3, 8), (64, 128), (48, 80)])
def test_rows_are_scaled_by_the_root_of_their_count(generator, shape):
    layer = Ternary(*shape, density=0.5, generator=generator, seed=3)
    signs = GENERATORS[generator](3, shape[1], shape[0], 0.5)
    assert (layer.signs.numpy() == signs).all()
    scale = np.sqrt(np.maximum(1, np.abs(signs).sum(1, dtype=np.int64)))[:, None]
    assert (layer.weight().numpy() == (signs / scale).astype(np.float32)).all()


@GENERATOR
def test_costs_nothing_but_additions(generator):
    layer = Ternary(64, 32, density=0.3, generator=generator)
    cost = layer.cost()
    assert (cost.trained_weights, cost.stored_bits, cost.multiplications) == (0, 0, 0)
    assert cost.total_weights == 64 * 32
    assert cost.additions == np.count_nonzero(layer.weight().numpy())


@GENERATOR
def test_is_in_no_state_dict_and_no_optimizer(generator):
    layer = Ternary(8, 8, generator=generator)
    assert layer.state_dict() == {}
    assert list(layer.parameters()) == []
    assert not layer(torch.randn(2, 8)).requires_grad


def test_layers_of_a_network_draw_different_matrices():
    layers = [in_network(f"block{n}.0", seed=0, density=0.3) for n in range(6)]
    assert len({layer.seed for layer in layers}) == 6
    assert len({layer.signs.numpy().tobytes() for layer in layers}) == 6
    flat = torch.stack([layer.signs.flatten().float() for layer in layers])
    assert torch.corrcoef(flat).fill_diagonal_(0).abs().max() < 0.15


def test_the_seed_of_a_layer_is_a_hash_of_the_networks_and_its_name():
    expected = int.from_bytes(hashlib.sha256(b"5:block1.0").digest()[:8], "little")
    assert layer_seed(5, "block1.0") == expected
    assert in_network("block1.0", seed=5).seed == expected
    assert layer_seed(0, "block1.0") != layer_seed(1, "block1.0")


def test_a_rule_without_a_seed_takes_zero():
    assert in_network("x").seed == layer_seed(0, "x")


def in_network(name: str, **settings: Any) -> Ternary:
    """The layer that a rule places under a name."""
    rule = {"_target_": "speechsrt.pointwise.ternary.Ternary", **settings}
    layer = place(Slot(name, "block", 32, 32), rule).layer
    assert isinstance(layer, Ternary)
    return layer


def test_projection_tells_what_the_best_multiple_leaves():
    weight = torch.randn(6, 8, dtype=torch.double)
    layer, error = Ternary.from_dense(weight, density=0.5, seed=1)
    drawn = layer.weight()
    scales = torch.linspace(-3, 3, 2001, dtype=torch.double)[:, None, None]
    errors = torch.linalg.norm((weight - scales * drawn).flatten(1), dim=1) / torch.linalg.norm(weight)
    assert error == pytest.approx(float(errors.min()), abs=1e-4)


def test_projection_on_a_matrix_without_entries_loses_all():
    empty = next(s for s in range(100) if not Ternary(1, 1, 0.5, "hash", s).signs.any())
    _, error = Ternary.from_dense(torch.ones(1, 1), density=0.5, generator="hash", seed=empty)
    assert error == 1


@pytest.mark.parametrize("density", [0.0, -0.1, 1.5])
def test_density_outside_its_range(density):
    with pytest.raises(UserError, match=r"pointwise\.density=.*: choose a share above 0 and up to 1"):
        Ternary(8, 8, density=density)


def test_density_too_small_for_the_width():
    with pytest.raises(
        UserError, match=r"leaves the outputs of a 16 x 8 layer without inputs; choose at least 0\.125"
    ):
        Ternary(8, 16, density=0.01)


def test_another_version_of_the_generators():
    with pytest.raises(UserError, match=rf"version {VERSION + 1}: this release draws version {VERSION}"):
        Ternary(8, 8, version=VERSION + 1)
