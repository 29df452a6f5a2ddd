"""Deep Speech 2 with GRU layers: the recurrence written out, lengths exact, every kind in its matrices."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recognisers import assert_same_alone_and_beside, trained
from torch import Tensor, nn

from speechsrt.config import load, options, rules
from speechsrt.errors import UserError
from speechsrt.models.deepspeech import Convolution, DeepSpeechGru
from speechsrt.models.filters import Filters
from speechsrt.models.recurrent import Gru
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.placement import Assembled, Factory, assemble
from speechsrt.scoring.cost import layer_costs, total

FEATURES, CLASSES = 16, 29
TINY: dict[str, Any] = {
    "conv_channels": [3, 4],
    "conv_kernels": [[5, 7], [3, 5]],
    "conv_strides": [[2, 2], [1, 2]],
    "hidden": [16, 8],
    "last": 12,
}
MATRICES = ["gru1.input", "gru1.recurrent", "gru2.input", "gru2.recurrent", "last.0"]
LOW_RANK = {"_target_": "speechsrt.pointwise.low_rank.LowRank", "where": ["input", "recurrent"], "rank": 3}
TERNARY = {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["recurrent"], "density": 0.5}
# What a kind needs besides its file, where the file leaves it open.
NEEDED = {"low_rank": ["pointwise.rank=4"]}


def network(factory: Factory, **settings: Any) -> nn.Module:
    return DeepSpeechGru(factory, FEATURES, CLASSES, **TINY | settings)


def tiny(*placement: Mapping[str, Any], **settings: Any) -> Assembled:
    torch.manual_seed(0)
    return assemble(partial(network, **settings), placement)


def configured(*overrides: str) -> Assembled:
    """A configured network, without numbers."""
    config = load(overrides)
    node = {key: value for key, value in config["model"].items() if key != "_target_"}
    with torch.device("meta"):
        return assemble(lambda factory: DeepSpeechGru(factory, 64, CLASSES, **node), rules(config))


def weights(*overrides: str) -> int:
    return sum(p.numel() for p in configured(*overrides).network.parameters() if p.requires_grad)


def layer(*placement: Mapping[str, Any], channels: int = 5, hidden: int = 6) -> Gru:
    """A recurrent layer with biases and statistics that are not those of the start."""
    torch.manual_seed(0)

    def make(factory: Factory) -> nn.Module:
        return nn.ModuleDict({"gru": Gru(factory, "gru1", channels, hidden)})

    built = assemble(make, placement).network
    for parameter in built.parameters():
        if parameter.dim() == 1:
            nn.init.normal_(parameter)
    found = built.get_submodule("gru")
    assert isinstance(found, Gru)
    return found


def step_by_step(gru: Gru, x: Tensor) -> Tensor:
    """The recurrence as its class states it, a frame at a time."""
    w_r, w_z, w_n = gru.input.weight().chunk(3)
    u_r, u_z, u_n = gru.recurrent.weight().chunk(3)
    b_r, b_z, b_n = gru.input_bias.chunk(3)
    c_r, c_z, c_n = gru.recurrent_bias.chunk(3)
    h, states = torch.zeros(len(x), gru.hidden, dtype=x.dtype), []
    for frame in gru.norm(x).unbind(1):
        r = torch.sigmoid(frame @ w_r.T + b_r + h @ u_r.T + c_r)
        z = torch.sigmoid(frame @ w_z.T + b_z + h @ u_z.T + c_z)
        n = torch.tanh(frame @ w_n.T + b_n + r * (h @ u_n.T + c_n))
        h = (1 - z) * n + z * h
        states.append(h)
    return torch.stack(states, 1)


@pytest.mark.parametrize("placement", [(), (LOW_RANK,), (TERNARY,)], ids=["learned", "low_rank", "ternary"])
def test_recurrent_layer_is_its_equations_a_frame_at_a_time(placement: tuple[Mapping[str, Any], ...]):
    gru = layer(*placement).double()
    x = torch.randn(3, 9, 5, dtype=torch.float64, requires_grad=True)
    direction = torch.randn(3, 9, 6, dtype=torch.float64)
    values = [x, *gru.parameters()]
    ours, slow = gru(x), step_by_step(gru, x)
    assert torch.allclose(ours, slow, atol=1e-12)
    pairs = zip(
        torch.autograd.grad((ours * direction).sum(), values),
        torch.autograd.grad((slow * direction).sum(), values),
        strict=True,
    )
    assert all(torch.allclose(one, other, atol=1e-11) for one, other in pairs)


def test_learned_matrices_give_what_torch_gives():
    gru = layer()
    theirs: Any = nn.GRU(5, 6, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(gru.input.weight())
        theirs.weight_hh_l0.copy_(gru.recurrent.weight())
        theirs.bias_ih_l0.copy_(gru.input_bias)
        theirs.bias_hh_l0.copy_(gru.recurrent_bias)
    x = torch.randn(4, 20, 5)
    states = gru(x)
    assert torch.equal(states, theirs(gru.norm(x))[0])
    with torch.no_grad():
        assert torch.equal(states, gru(x))


def test_gradients_reach_both_factors_of_every_matrix():
    gru = layer(LOW_RANK)
    gru(torch.randn(2, 7, 5)).square().sum().backward()
    for matrix in (gru.input, gru.recurrent):
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in matrix.parameters())


def test_a_state_does_not_see_later_frames():
    gru, x = layer().eval(), torch.randn(2, 10, 5)
    assert torch.allclose(gru(x)[:, :6], gru(x[:, :6]), atol=1e-6)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(0, 20))
@settings(max_examples=25, deadline=None)
def test_an_utterance_gives_the_same_logits_alone_and_beside_longer_ones(lengths: list[int], more: int):
    assert_same_alone_and_beside(trained(tiny().network), lengths, more, FEATURES)


@pytest.mark.parametrize("kind", options("pointwise"))
def test_every_kind_goes_into_every_matrix(kind: str):
    built = tiny(*rules(load(["model=deepspeech_gru_small", f"pointwise={kind}", *NEEDED.get(kind, [])])))
    assert {placed.slot.name: placed.layer.kind for placed in built.placed} == dict.fromkeys(MATRICES, kind)
    loss = built.network(torch.randn(2, 31, FEATURES), torch.tensor([31, 20])).square().mean()
    loss.backward()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("inside", [False, True])
def test_bfloat16_of_autocast_runs_through_every_layer(inside: bool):
    net = tiny(LOW_RANK).network
    with torch.autocast("cpu", torch.bfloat16):
        loss = net(torch.randn(2, 31, FEATURES), torch.tensor([31, 20])).float().square().mean()
        if inside:
            loss.backward()
    if not inside:
        loss.backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in net.parameters())


@pytest.mark.parametrize("shape", [(0, 10), (1, 1), (2, 7)])
def test_edge_sizes(shape: tuple[int, int]):
    logits = tiny().network.eval()(torch.randn(*shape, FEATURES))
    assert logits.shape == (shape[0], -(-shape[1] // 2), CLASSES)


def test_steps_over_time_multiply():
    net: Any = tiny(conv_strides=[[2, 1], [3, 2]]).network.eval()
    assert net.stride == 6
    assert net(torch.randn(1, 13, FEATURES)).shape[1] == net.count(torch.tensor(13)) == 3


def test_convolution_is_sums_over_neighbours_normalised_and_clipped():
    convolution = trained(Convolution((2, 3), (3, 5), (2, 1)))
    with torch.no_grad():
        convolution.norm.bias.copy_(torch.tensor([0.0, 19.5, -1.0]))
    x = 3 * torch.randn(1, 5, 4, 2)
    y, lengths = convolution(x, torch.tensor([4]))
    assert y.shape == (1, 3, 4, 3)
    assert lengths.tolist() == [2]
    padded = nn.functional.pad(x[:, :4], (0, 0, 2, 2, 1, 2))
    patch = padded[0, 2:5, 1:6]  # around frame 2, band 1
    summed = torch.einsum("tfc,octf->o", patch, convolution.filters.weight)
    slow = convolution.norm(summed.view(1, 1, 3)).flatten().clamp(0, 20)
    assert torch.allclose(y[0, 1, 1], slow, atol=1e-5)
    assert y.max() == 20


@pytest.mark.parametrize(
    ("overrides", "count"),
    [(["model=deepspeech_gru"], 19_469_693), (["model=deepspeech_gru_small"], 277_621)],
)
def test_weights_are_those_of_the_recipe(overrides: list[str], count: int):
    assert weights(*overrides) == count


def test_low_rank_goes_where_the_model_says_and_where_the_user_says():
    typed = ["model=deepspeech_gru_small", "pointwise=low_rank", "pointwise.rank=4"]
    kinds = {placed.slot.role: placed.layer.kind for placed in configured(*typed).placed}
    assert kinds == {"input": "low_rank", "recurrent": "low_rank", "last": "low_rank"}
    own = configured(*typed, "pointwise.where=[recurrent]").placed
    kinds = {placed.slot.role: placed.layer.kind for placed in own}
    assert kinds == {"input": "learned", "recurrent": "low_rank", "last": "learned"}


def test_arithmetic_holds_the_matrices_that_are_never_called():
    built = tiny()
    roles = {placed.layer: (placed.slot.name, placed.slot.role) for placed in built.placed}
    rows = {row.name: row for row in layer_costs(built.network, torch.zeros(1, 20, FEATURES), roles)}
    frames, bands = 10, [8, 4]
    assert rows["gru1.input"].cost.multiplications == frames * 3 * 16 * (4 * bands[1])
    assert rows["gru2.recurrent"].cost.multiplications == frames * 3 * 8 * 8
    assert rows["recurrent.1"].cost.multiplications == frames * 3 * 8
    assert rows["recurrent.1"].cost.additions == frames * 11 * 8
    assert (rows["recurrent.1"].kind, rows["recurrent.1"].shape) == ("gru", (24,))
    assert rows["convolutions.0.filters"].cost.multiplications == frames * bands[0] * 3 * 35
    assert rows["convolutions.1.filters"].cost.multiplications == frames * bands[1] * 4 * 3 * 15
    assert rows["convolutions.1.norm"].cost.multiplications == frames * bands[1] * 4


@pytest.mark.parametrize("placement", [(), (LOW_RANK,), (LOW_RANK, TERNARY)])
def test_counted_weights_are_the_parameters(placement: tuple[Mapping[str, Any], ...]):
    net = tiny(*placement).network
    counted = total(layer_costs(net, torch.zeros(1, 20, FEATURES), {})).trained_weights
    assert counted == sum(p.numel() for p in net.parameters())


def test_compiled_are_the_convolutions_alone(monkeypatch: pytest.MonkeyPatch):
    compiled: list[nn.Module] = []
    monkeypatch.setattr(Convolution, "compile", lambda module: compiled.append(module))
    net = tiny().network
    net.compile()
    assert compiled == [module for module in net.modules() if isinstance(module, Convolution)]
    assert net._compiled_call_impl is None


def test_layers_show_their_shapes():
    def learned(_name: str, _role: str, ins: int, outs: int) -> nn.Module:
        return Learned(ins, outs)

    assert "hidden=6" in repr(Gru(learned, "gru1", 5, 6))
    assert "(3, 2, 3, 5), stride=(2, 1)" in repr(Filters((2, 3), (3, 5), (2, 1)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"conv_channels": [3]}, r"model\.conv_channels=\[3\], model\.conv_kernels=.*write as many of each"),
        ({"conv_channels": [], "conv_kernels": [], "conv_strides": []}, r"write as many of each, at least"),
        ({"conv_strides": [[2, 2]]}, r"model\.conv_strides=\[\[2, 2\]\]: write as many of each"),
        ({"conv_channels": [3, 0]}, r"model\.conv_channels=\[3, 0\]: at least 1 each"),
        ({"conv_kernels": [[5, 7], [3, 4]]}, r"model\.conv_kernels=.*write \[time, frequency\].*odd"),
        ({"conv_kernels": [[5, 7], [3]]}, r"model\.conv_kernels=.*write \[time, frequency\]"),
        ({"conv_strides": [[2, 2], [0, 2]]}, r"model\.conv_strides=.*write \[time, frequency\].*at least 1"),
        ({"conv_strides": [[2, 2, 1], [1, 2]]}, r"model\.conv_strides=.*write \[time, frequency\]"),
        ({"hidden": []}, r"model\.hidden=\[\]: write the width of each recurrent layer"),
        ({"hidden": [8, 0]}, r"model\.hidden=\[8, 0\]: write the width of each recurrent layer"),
        ({"last": 0}, r"model\.last=0: at least 1"),
        ({"dropout": 1.0}, r"model\.dropout=1\.0: choose a share"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        tiny(**settings)
