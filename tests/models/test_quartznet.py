"""QuartzNet: its weights counted, its lengths exact, every kind in its 1x1s."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recognisers import assert_same_alone_and_beside, trained
from torch import nn

from speechsrt.config import load, options, rules
from speechsrt.errors import UserError
from speechsrt.models.quartznet import QuartzNet
from speechsrt.pointwise.placement import Assembled, Factory, assemble

CLASSES = 29
TINY: dict[str, Any] = {
    "channels": [8, 12],
    "kernels": [5, 9],
    "sub_blocks": 2,
    "first": 8,
    "wide": 12,
    "last": 16,
}


def network(factory: Factory, **settings: Any) -> nn.Module:
    return QuartzNet(factory, 16, CLASSES, **TINY | settings)


def tiny(*placement: Mapping[str, Any], **settings: Any) -> Assembled:
    return assemble(partial(network, **settings), placement)


def weights(*overrides: str) -> int:
    """Trained weights of a configured network."""
    config = load(overrides)
    node = {key: value for key, value in config["model"].items() if key != "_target_"}
    with torch.device("meta"):
        built = assemble(lambda factory: QuartzNet(factory, 64, CLASSES, **node), rules(config))
    return sum(p.numel() for p in built.network.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("model", "count"),
    [("quartznet_5x5", 6_713_181), ("quartznet_10x5", 12_818_781), ("quartznet_15x5", 18_924_381)],
)
def test_weights_are_those_of_the_recipe(model: str, count: int):
    assert weights(f"model={model}") == count


def test_half_of_15x5_is_trained_with_the_last_two_groups_fixed():
    where = "pointwise.where=[block1?.*]"
    assert weights("model=quartznet_15x5", "pointwise=ternary", where) == 9_487_197


def test_with_every_block_fixed_28_percent_are_trained():
    fixed = 13_910_016 - 64 * 256 - 512 * 512  # separable 1x1s, less those of C1 and C2
    assert weights("model=quartznet_15x5", "pointwise=ternary") == 18_924_381 - fixed == 5_292_893


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_an_utterance_gives_the_same_logits_alone_and_beside_longer_ones(lengths: list[int], more: int):
    assert_same_alone_and_beside(trained(tiny().network), lengths, more, 16)


@pytest.mark.parametrize("kind", options("pointwise"))
def test_every_kind_goes_into_every_1x1(kind: str):
    more = ["pointwise.rank=4"] if kind == "low_rank" else []
    where = "pointwise.where=[prologue,block,residual,epilogue,last]"
    placement = rules(load(["model=quartznet_small", f"pointwise={kind}", where, *more]))
    built = tiny(*placement)
    assert {placed.layer.kind for placed in built.placed} == {kind}
    loss = built.network(torch.randn(2, 31, 16), torch.tensor([31, 20])).square().mean()
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("shape", [(0, 10), (1, 1), (2, 7)])
def test_edge_sizes(shape: tuple[int, int]):
    assert tiny().network.eval()(torch.randn(*shape, 16)).shape == (shape[0], -(-shape[1] // 2), CLASSES)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"repeat": 0}, r"model\.repeat=0: at least 1"),
        ({"channels": [8]}, r"model\.channels=\[8\] and model\.kernels=\[5, 9\]: write as many widths"),
        ({"kernels": [5, 8]}, r"a kernel of 8 taps has no middle"),
        ({"dropout": 1.0}, r"model\.dropout=1\.0: choose a share"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        tiny(**settings)
