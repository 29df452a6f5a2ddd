"""What every kind must be, tested for each file of conf/pointwise: a new kind needs no test written here."""

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from speechsrt.build import locate
from speechsrt.config import conf_dir
from speechsrt.errors import UserError
from speechsrt.pointwise.base import Cost, Pointwise, relative_error
from speechsrt.pointwise.placement import Slot, place

# What is tried of a kind besides its YAML's settings, and in their place where those leave a choice open.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "low_rank": [{"rank": 1}, {"rank_ratio": 0.5}],
    "ternary": [{"generator": name} for name in ("hash", "stratified", "sobol")] + [{"density": 1.0}],
    "toeplitz": [{"rank": 1}, {"rank": 3}],
    "monarch": [{}, {"blocks": 2}],
    "grouped": [{"groups": 2}, {"groups": 4, "shuffle": True}],
    "ternary_learned": [{}, {"density": 0.3}],
    "pruned": [{"method": name} for name in ("one_shot", "gradual", "l1", "csp")] + [{"sparsity": 0.0}],
}
# Kinds whose projection is a search: the nearest member has no closed form, and a member may be missed.
SEARCHED = {"fastfood"}
SHAPES = [(1, 1), (1, 6), (6, 1), (8, 8), (12, 20), (64, 64)]
LEADING = [(), (0,), (1,), (5,), (0, 3), (2, 0), (1, 1), (2, 3), (2, 1, 3)]
WIDTHS = st.integers(1, 40) | st.integers(1, 10).map(lambda n: 4 * n)
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
        return place(Slot("block1.0", "block", ins, outs), rule).layer
    except UserError:
        return None


def fitting(rule: dict[str, Any]) -> list[Pointwise]:
    """The kind at every shape it can have."""
    return [layer for shape in SHAPES if (layer := layer_of(rule, *shape)) is not None]


def packed_bits(layer: Pointwise) -> int:
    """Bits of what a package stores of a layer."""
    tensors = layer.state_dict() if layer.pack() is None else layer.pack() or {}
    return 8 * sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def finished(layer: Pointwise) -> Pointwise:
    """The layer as it is at the end of a training."""
    layer.after_step(10, 10)
    assert layer.settled
    return layer


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
@given(ins=WIDTHS, outs=WIDTHS, rows=st.integers(0, 4))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
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
def test_forward_of_a_wide_layer(rule):
    """Wide enough for the roads that only pay there."""
    layer = layer_of(rule, 512, 512)
    assert layer is not None
    x = torch.randn(2, 3, 512)
    torch.testing.assert_close(layer(x), x @ layer.weight().T, rtol=1e-4, atol=1e-4)
    assert layer(x[:0]).shape == (0, 3, 512)


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
    for layer in map(finished, fitting(rule)):
        cost = layer.cost()
        assert cost.trained_weights == reached(layer) <= sum(p.numel() for p in layer.parameters())
        assert cost.stored_bits == packed_bits(layer)
        assert cost.total_weights >= cost.trained_weights
        assert min(cost.multiplications, cost.additions, cost.total_weights) >= 0


def reached(layer: Pointwise) -> int:
    """Trained numbers that a gradient reaches."""
    parameters = [p for p in layer.double().parameters() if p.requires_grad]
    if not parameters:
        return 0
    for parameter in parameters:  # random signs at the start may cancel
        parameter.data += 0.1 * torch.randn_like(parameter)
    size = (layer.weight() * torch.randn(layer.weight().shape, dtype=torch.double)).sum()
    gradients = torch.autograd.grad(size, parameters)
    layer.float()
    return sum(int(gradient.count_nonzero()) for gradient in gradients)


@every_kind
def test_the_fast_transform_is_the_same_product(rule):
    for layer in fitting(rule):
        fast = getattr(layer.double(), "fast", None)
        if fast is None:
            return
        for leading in filter(lambda shape: 0 not in shape, LEADING):
            x = torch.randn(*leading, layer.in_channels, dtype=torch.double)
            torch.testing.assert_close(fast(x), x @ layer.weight().T)


@every_kind
def test_a_package_gives_the_same_matrix_back(rule):
    for layer in map(finished, fitting(rule)):
        if (packed := layer.pack()) is not None:
            again = type(layer)(layer.in_channels, layer.out_channels, **layer.settings())
            again.unpack(packed)
            assert torch.equal(again.weight(), layer.weight())
            assert again.cost() == layer.cost()


def test_what_packs_nothing_unpacks_nothing():
    with pytest.raises(NotImplementedError, match="Pointwise packs nothing"):
        Pointwise(2, 3).unpack({})


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
@pytest.mark.parametrize(("ins", "outs"), [(128, 128), (64, 128), (128, 64)])
def test_activations_keep_their_scale_at_the_start(rule, ins, outs):
    """Between all of it and what Xavier's rule leaves where widths differ; a mean over draws."""
    x = torch.randn(500, ins)
    scales = []
    for seed in range(20):
        torch.manual_seed(seed)
        layer = place(Slot("block1.0", "block", ins, outs), rule | seeded(rule, seed)).layer
        scales.append(float(layer(x).detach().square().mean() / x.square().mean()))
    low, high = sorted((1.0, 2 * ins / (ins + outs)))
    assert 0.75 * low < sum(scales) / len(scales) < 1.33 * high


@every_kind
@pytest.mark.parametrize("depth", [4, 20])
def test_activations_keep_their_scale_at_any_depth(rule, depth):
    """Layer after layer, nothing between, as Glorot & Bengio reason; the middle of several draws."""
    if (rule.get("rank") == 1 and "rank_ratio" in rule) or rule.get("blocks") == 2:
        return  # of a product of matrices of rank one or so little is left, however they are scaled
    logs = []
    for seed in range(9):
        torch.manual_seed(seed)
        x = torch.randn(50, 128)
        for number in range(depth):
            layer = place(Slot(f"layer{number}", "block", 128, 128), rule | seeded(rule, seed)).layer
            x = layer(x).detach()
        logs.append(float(x.square().mean().log()))
    assert abs(sorted(logs)[4]) < math.log(2)


def seeded(rule: dict[str, Any], seed: int) -> dict[str, Any]:
    return {"seed": seed} if "seed" in rule else {}


@every_kind
def test_no_kind_is_a_dense_matrix_in_disguise(rule):
    if rule["_target_"].endswith(".learned.Learned") or rule.get("sparsity") == 0.0:
        return
    layer = layer_of(rule, 64, 64)
    assert layer is not None
    weight = torch.randn(64, 64)
    assert projected(layer, weight)[1] > 0.15, "it holds every matrix"


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
    name = rule["_target_"].split(".")[-2]
    for layer in map(finished, fitting(rule)):
        weight = layer.double().weight().detach()
        near, error = projected(layer, weight)
        if name in SEARCHED and layer.in_channels != 64:
            assert error < 0.95
            continue
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


def test_the_kinds_that_a_command_line_may_name():
    named = {"learned", "ternary", "low_rank", "toeplitz", "circulant", "fastfood", "monarch", "grouped"}
    named |= {"ternary_learned", "random_fixed", "pruned"}
    assert named <= {path.stem for path in (conf_dir() / "pointwise").glob("*.yaml")}
