"""What every kind must be, tested for each file of conf/pointwise: a new kind needs no test written here."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from speechsrt.build import locate
from speechsrt.config import conf_dir
from speechsrt.errors import UserError
from speechsrt.pointwise.base import Cost, Pointwise, relative_error
from speechsrt.pointwise.placement import Slot, build_layer

# What is tried of a kind besides its YAML's settings, and in their place where those leave a choice open.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "low_rank": [{"rank": 1}, {"rank_ratio": 0.5}],
    "ternary": [{"generator": name} for name in ("hash", "stratified", "sobol")] + [{"density": 1.0}],
}
SHAPES = [(1, 1), (1, 6), (6, 1), (8, 8), (12, 20), (64, 64)]
LEADING = [(), (0,), (1,), (5,), (0, 3), (2, 0), (1, 1), (2, 3), (2, 1, 3)]
EXACT = {torch.float32: 2e-5, torch.float64: 1e-12}


def kinds() -> Iterator[Any]:
    for path in sorted((conf_dir() / "pointwise").glob("*.yaml")):
        rule = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(rule, dict)
        for change in VARIANTS.get(path.stem, [{}]):
            name = "-".join([path.stem, *map(str, change.values())])
            yield pytest.param(rule | change, id=name)


every_kind = pytest.mark.parametrize("rule", list(kinds()))


def layer_of(rule: dict[str, Any], ins: int, outs: int) -> Pointwise | None:
    """The kind at a shape; None where it cannot have that shape and says so."""
    torch.manual_seed(0)
    try:
        return build_layer(Slot("block1.0", "block", ins, outs), rule)
    except UserError:
        return None


def fitting(rule: dict[str, Any]) -> list[Pointwise]:
    """The kind at every shape it can have."""
    return [layer for shape in SHAPES if (layer := layer_of(rule, *shape)) is not None]


def state_bits(layer: Pointwise) -> int:
    return 8 * sum(tensor.numel() * tensor.element_size() for tensor in layer.state_dict().values())


@every_kind
def test_a_kind_fits_a_usual_width_and_is_named_after_its_file(rule):
    assert issubclass(locate(rule["_target_"]), Pointwise)
    layer = layer_of(rule, 64, 64)
    assert layer is not None
    assert (conf_dir() / "pointwise" / f"{layer.kind}.yaml").is_file()
    assert rule["_target_"].split(".")[-2] == layer.kind
    assert rule["where"] == ["block"]


@every_kind
@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("leading", LEADING, ids=str)
def test_forward_is_the_product_with_the_dense_matrix(rule, dtype, leading):
    for layer in fitting(rule):
        layer.to(dtype)
        x = torch.randn(*leading, layer.in_channels, dtype=dtype)
        assert layer.weight().shape == (layer.out_channels, layer.in_channels)
        assert layer.weight().dtype == dtype
        torch.testing.assert_close(layer(x), x @ layer.weight().T, rtol=EXACT[dtype], atol=EXACT[dtype])


@every_kind
@given(ins=st.integers(1, 40), outs=st.integers(1, 40), rows=st.integers(0, 4))
@settings(max_examples=15, deadline=None)
def test_forward_at_any_width(rule, ins, outs, rows):
    layer = layer_of(rule, ins, outs)
    assume(layer is not None)
    assert layer is not None
    x = torch.randn(rows, ins)
    torch.testing.assert_close(layer(x), x @ layer.weight().T, rtol=1e-4, atol=1e-5)


@every_kind
def test_forward_of_a_whole_batch(rule):
    """Large enough for the other road of `kernels.dense`."""
    layer = layer_of(rule, 64, 64)
    assert layer is not None
    x = torch.randn(4, 128, 64)
    torch.testing.assert_close(layer(x), x @ layer.weight().T, rtol=1e-4, atol=1e-5)


@every_kind
def test_gradient_reaches_the_input_and_whatever_is_trained(rule):
    for layer in fitting(rule):
        layer.double()
        x = torch.randn(3, layer.in_channels, dtype=torch.double, requires_grad=True)
        out = layer(x)
        if out.requires_grad:
            direction = torch.randn_like(out)
            out.backward(direction)
            torch.testing.assert_close(x.grad, direction @ layer.weight().detach())
        for parameter in layer.parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None
                assert parameter.grad.abs().sum() > 0
            else:
                assert parameter.grad is None
        assert all(buffer.grad is None for buffer in layer.buffers())


@every_kind
def test_counts_are_what_an_optimizer_and_a_file_see(rule):
    for layer in fitting(rule):
        cost = layer.cost()
        assert cost.trained_weights == sum(p.numel() for p in layer.parameters() if p.requires_grad)
        assert cost.stored_bits == state_bits(layer)
        assert cost.total_weights >= cost.trained_weights
        assert min(cost.multiplications, cost.additions, cost.total_weights) >= 0


@every_kind
def test_settings_are_plain_and_rebuild_the_very_layer(rule):
    for layer in fitting(rule):
        kept = json.loads(json.dumps(layer.settings()))
        again = type(layer)(layer.in_channels, layer.out_channels, **kept)
        again.load_state_dict(layer.state_dict())
        assert torch.equal(again.weight(), layer.weight())
        assert again.settings() == layer.settings()
        assert again.cost() == layer.cost()
        assert all(f"{name}={value}" in repr(again) for name, value in layer.settings().items())


@every_kind
def test_the_penalty_is_a_number(rule):
    for layer in fitting(rule):
        assert layer.penalty().shape == ()
        assert torch.isfinite(layer.penalty())


@every_kind
def test_activations_keep_their_scale_at_the_start(rule):
    layer = layer_of(rule, 128, 128)
    assert layer is not None
    x = torch.randn(1000, 128)
    if layer.cost().total_weights >= 128 * 32:  # an average over few weights says nothing
        assert 0.7 < float(layer(x).detach().square().mean() / x.square().mean()) < 1.4


def projected(layer: Pointwise, weight: Tensor) -> tuple[Pointwise, float]:
    return type(layer).from_dense(weight, **layer.settings())


@every_kind
@pytest.mark.parametrize("dtype", EXACT)
def test_projection_of_a_dense_matrix(rule, dtype):
    for layer in fitting(rule):
        weight = torch.randn(layer.out_channels, layer.in_channels, dtype=dtype)
        near, error = projected(layer, weight)
        assert near.weight().shape == weight.shape
        assert near.weight().dtype == dtype
        assert near.settings() == layer.settings()
        assert 0 <= error <= 1 + 1e-6
        assert error <= relative_error(weight, near.weight()) + 1e-6


@every_kind
def test_a_member_of_the_kind_is_its_own_projection(rule):
    for layer in fitting(rule):
        weight = layer.double().weight().detach()
        near, error = projected(layer, weight)
        assert error < 1e-7 or weight.abs().sum() == 0
        torch.testing.assert_close(near.weight(), weight, rtol=1e-6, atol=1e-6)


@every_kind
def test_projection_of_nothing(rule):
    for layer in fitting(rule):
        _, error = projected(layer, torch.zeros(layer.out_channels, layer.in_channels))
        assert error == 0


def test_a_kind_that_defines_nothing_says_so():
    bare = Pointwise(2, 3)
    for ask in (bare.weight, bare.cost):
        with pytest.raises(NotImplementedError):
            ask()
    with pytest.raises(NotImplementedError, match="Pointwise has no projection"):
        Pointwise.from_dense(torch.zeros(3, 2))
    assert bare.settings() == {}
    assert repr(bare) == "Pointwise(2, 3)"


def test_costs_add_up():
    assert Cost(1, 2, 3, 4, 5) + Cost(10, 20, 30, 40, 50) == Cost(11, 22, 33, 44, 55)
    assert sum([Cost(1)] * 3, Cost()) == Cost(3)


def test_relative_error():
    assert relative_error(torch.zeros(2, 2), torch.zeros(2, 2)) == 0
    assert relative_error(torch.zeros(1, 1), torch.ones(1, 1)) == 1
    assert relative_error(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]])) == 1
    assert relative_error(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]])) == pytest.approx(0.8)


@pytest.mark.parametrize("kind", ["learned", "low_rank", "ternary"])
def test_the_three_first_kinds_stay(kind):
    assert (conf_dir() / "pointwise" / f"{kind}.yaml").is_file()
