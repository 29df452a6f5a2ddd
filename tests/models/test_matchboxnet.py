import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.models.separable import Depthwise, Norm
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.placement import assemble
from speechsrt.pointwise.ternary import Ternary

TERNARY = {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["block", "residual"], "density": 0.1}


def learned(_name, _role, ins, outs):
    return Learned(ins, outs)


def network(layout: str, classes: int, *rules, **settings) -> MatchboxNet:
    """A net by its name, such as 3x1x64, on 64 features."""
    blocks, sub_blocks, channels = map(int, layout.split("x"))

    def make(factory):
        return MatchboxNet(factory, 64, classes, blocks, sub_blocks, channels, **settings)

    built = assemble(make, rules).network
    assert isinstance(built, MatchboxNet)
    return built


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# --- the published counts ---


@pytest.mark.parametrize(
    ("layout", "classes", "count"),
    [
        ("3x1x64", 12, 74_892),
        ("3x1x64", 30, 77_214),
        ("3x1x64", 35, 77_859),
        ("3x2x64", 12, 90_444),
        ("3x2x64", 30, 92_766),
        ("3x2x64", 35, 93_411),
        ("3x2x112", 35, 176_931),
        ("6x2x64", 35, 139_491),
    ],
)
def test_published_weight_counts(layout, classes, count):
    assert weights(network(layout, classes)) == count


@pytest.mark.parametrize(
    ("layout", "count"),
    [
        ("8x3x64", 75_614),
        ("5x4x80", 74_302),
        ("3x5x112", 76_942),
        ("6x2x112", 75_934),
        ("3x4x128", 76_894),
        ("5x2x128", 75_614),
        ("8x1x128", 74_590),
        ("6x1x160", 75_742),
        ("4x1x192", 74_590),
    ],
)
def test_layouts_of_the_same_size_whose_blocks_are_ternary(layout, count):
    assert weights(network(layout, 30, TERNARY)) == count


def test_where_the_weights_of_the_smallest_net_are():
    net = network("3x1x64", 30)
    by_role = {"separable": 0, "residual": 0, "last": 0, "depthwise": 0}
    for name, module in net.named_modules():
        if isinstance(module, Learned):
            role = "residual" if ".skip." in name else "last" if name.startswith("last.") else "separable"
            by_role[role] += weights(module)
        elif name.endswith("depthwise"):
            by_role["depthwise"] += weights(module)
    assert by_role == {"separable": 32_768, "residual": 16_384, "last": 16_384, "depthwise": 6_272}
    assert sum(weights(module) for module in net.modules() if isinstance(module, Norm)) == 1_536
    assert weights(net.head) == 3_870


def test_kernels_grow_by_two_a_block():
    taps = [module.kernel for module in network("6x2x64", 35).modules() if isinstance(module, Depthwise)]
    assert taps == [11, 13, 13, 15, 15, 17, 17, 19, 19, 21, 21, 23, 23, 29]
    assert [m.dilation for m in network("3x1x64", 35).modules() if isinstance(m, Depthwise)] == [
        1,
        1,
        1,
        1,
        2,
    ]


# --- the reference: channels first, PyTorch's own layers, nothing shared with the code under test ---


def flat(ins: int, outs: int) -> list[nn.Module]:
    return [nn.Conv1d(ins, outs, 1, bias=False), nn.BatchNorm1d(outs, eps=1e-3, momentum=0.1)]


class Row(nn.Module):
    """A line of the table; channels first."""

    def __init__(self, ins: int, outs: int, kernel: int, dilation: int, repeat: int, residual: bool) -> None:
        super().__init__()
        chain: list[nn.Module] = []
        for width in [ins] + [outs] * (repeat - 1):
            pad = dilation * (kernel // 2)
            deep = nn.Conv1d(width, width, kernel, 1, pad, dilation, groups=width, bias=False)
            chain += [nn.ReLU()] * bool(chain) + [deep, *flat(width, outs)]
        self.main = nn.Sequential(*chain)
        self.link = nn.Sequential(*flat(ins, outs)) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) if self.link is None else self.main(x) + self.link(x))


class Reference(nn.Module):
    """MatchboxNet by its table, (B, T, C) to logits."""

    def __init__(
        self, blocks: int, sub_blocks: int, channels: int, wide: int, features: int, classes: int
    ) -> None:
        super().__init__()
        widths = [wide] + [channels] * blocks
        self.rows = nn.Sequential(
            Row(features, wide, 11, 1, 1, False),
            *(Row(widths[n], channels, 13 + 2 * n, 1, sub_blocks, True) for n in range(blocks)),
            Row(channels, wide, 29, 2, 1, False),
        )
        self.last = nn.Sequential(*flat(wide, wide), nn.ReLU())
        self.head = nn.Linear(wide, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.last(self.rows(x.transpose(1, 2))).mean(2))


def numbers_of(net: nn.Module) -> list[Tensor]:
    """All weights and statistics, in the order of the table, which both nets follow."""
    return [*net.parameters(), *(tensor for tensor in net.buffers() if tensor.dim() > 0)]


@pytest.mark.parametrize("layout", [(1, 1, 4, 6, 3, 2), (3, 2, 8, 12, 5, 4), (3, 1, 64, 128, 64, 30)])
@pytest.mark.parametrize("training", [True, False])
def test_against_a_reference_of_pytorchs_own_layers(layout, training):
    blocks, sub_blocks, channels, wide, features, classes = layout
    torch.manual_seed(0)
    reference = Reference(*layout).double().train(training)
    net = MatchboxNet(learned, features, classes, blocks, sub_blocks, channels, wide).double().train(training)
    with torch.no_grad():
        for own, other in zip(numbers_of(net), numbers_of(reference), strict=True):
            other.add_(torch.rand_like(other) / 10)  # statistics and offsets that are not all alike
            own.copy_(other.view(own.shape))
    x = torch.randn(3, 23, features, dtype=torch.double)
    label = torch.randint(0, classes, (3,))
    ours, theirs = net(x), reference(x)
    torch.testing.assert_close(ours, theirs)
    for logits in (ours, theirs):
        F.cross_entropy(logits, label).backward()
    for own, other in zip(net.parameters(), reference.parameters(), strict=True):
        assert own.grad is not None
        assert other.grad is not None
        torch.testing.assert_close(own.grad, other.grad.view(own.shape))
    for own, other in zip(net.buffers(), reference.buffers(), strict=True):
        torch.testing.assert_close(own, other)


# --- the rest ---


def test_padding_is_not_heard_but_counted_in_the_mean():
    """What lies beyond a clip's end cannot be seen in the logits; how long it is can, as in the recipe."""
    torch.manual_seed(0)
    net = network("2x2x8", 4, wide=12).double().eval()
    for module in net.modules():
        if isinstance(module, Norm):
            nn.init.normal_(module.bias)
    x = torch.randn(3, 20, 64, dtype=torch.double)
    lengths = torch.tensor([5, 13, 20])
    together = net(x, lengths)
    for n in range(3):
        other = x[n : n + 1].clone()
        other[:, lengths[n] :] = 99.0
        torch.testing.assert_close(net(other, lengths[n : n + 1]), together[n : n + 1])
    torch.testing.assert_close(net(x[2:]), together[2:])


@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (2, 3)])
def test_edge_sizes(shape):
    net = network("1x1x1", 1, wide=1).eval()
    assert net(torch.zeros(*shape, 64)).shape == (shape[0], 1)
    assert net.embed(torch.zeros(*shape, 64)).shape == (shape[0], 1)


def test_fixed_layers_get_no_gradient_and_pass_it_on():
    net = network("2x1x8", 3, TERNARY, wide=8)
    assert any(isinstance(module, Ternary) for module in net.modules())
    net(torch.randn(4, 10, 64)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    assert not any("block" in name and "pointwise" in name for name in net.state_dict())


def test_ternary_layers_come_back_from_a_checkpoint_bit_by_bit(tmp_path):
    net = network("2x2x16", 3, TERNARY | {"seed": 9}, wide=16)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    again = network("2x2x16", 3, TERNARY | {"seed": 9}, wide=16)
    again.load_state_dict(torch.load(tmp_path / "net.pt", weights_only=True))
    for one, other in zip(net.modules(), again.modules(), strict=True):
        if isinstance(one, Ternary) and isinstance(other, Ternary):
            assert torch.equal(one.weight(), other.weight())
    x = torch.randn(2, 7, 64)
    assert torch.equal(net.eval()(x), again.eval()(x))


@pytest.mark.parametrize("key", ["blocks", "sub_blocks", "channels", "wide"])
@pytest.mark.parametrize("value", [0, -1])
def test_counts_below_one(key, value):
    with pytest.raises(UserError, match=re.escape(f"model.{key}={value}: at least 1")):
        MatchboxNet(learned, 4, 2, **{key: value})


@pytest.mark.parametrize("dropout", [-0.1, 1.0, 2.0])
def test_dropout_outside_its_range(dropout):
    with pytest.raises(UserError, match=rf"model\.dropout={dropout}: choose a share from 0 to below 1"):
        MatchboxNet(learned, 4, 2, dropout=dropout)
