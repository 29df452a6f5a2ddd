"""BC-ResNet: published counts, and a reference of PyTorch's own layers, channels first."""

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt import config
from speechsrt.errors import UserError
from speechsrt.models.band_norm import BandNorm
from speechsrt.models.bcresnet import BcResNet, Block
from speechsrt.pointwise.learned import Learned
from speechsrt.pointwise.placement import assemble, slots_of


def learned(_name: str, _role: str, ins: int, outs: int) -> Learned:
    return Learned(ins, outs)


def network(size: float, classes: int = 12, features: int = 40, *rules: dict[str, Any]) -> BcResNet:
    built = assemble(lambda make: BcResNet(make, features, classes, size), rules).network
    assert isinstance(built, BcResNet)
    return built


@pytest.mark.parametrize(
    ("size", "classes", "count"),
    [(1, 10, 9_166), (1, 12, 9_232), (2, 12, 27_284), (3, 12, 54_168), (6, 12, 187_812), (8, 12, 321_068)],
)
def test_weight_counts(size: float, classes: int, count: int) -> None:
    """Those of 12 classes are the paper's 9.2, 27.3, 54.2, 188 and 321 thousand."""
    assert sum(parameter.numel() for parameter in network(size, classes).parameters()) == count


@pytest.mark.parametrize("name", ["bcresnet_1", "bcresnet_2", "bcresnet_3", "bcresnet_6", "bcresnet_8"])
def test_configured_sizes(name: str) -> None:
    loaded = config.load([f"model={name}"])
    assert f"bcresnet_{loaded['model']['size']:g}" == name
    assert (loaded["optim"]["lr"], loaded["batch_size"], loaded["features"]["channels"]) == (0.1, 100, 40)


# --- the reference, channels first, by the authors' description ---


class Split(nn.Module):
    """SubSpectralNorm on ``(B, C, F, T)``."""

    def __init__(self, channels: int, groups: int = 5) -> None:
        super().__init__()
        self.groups, self.norm = groups, nn.BatchNorm2d(channels * groups)

    def forward(self, x: Tensor) -> Tensor:
        batch, channels, bands, frames = x.shape
        y = x.view(batch, channels * self.groups, bands // self.groups, frames)
        return self.norm(y).view(x.shape)


def plain(ins: int, outs: int, kernel: Any = 1, **settings: Any) -> nn.Conv2d:
    return nn.Conv2d(ins, outs, kernel, bias=False, **settings)


class ReferenceBlock(nn.Module):
    def __init__(self, ins: int, outs: int, step: int, dilation: int) -> None:
        super().__init__()
        self.change = None
        if ins != outs:
            self.change = nn.Sequential(plain(ins, outs), nn.BatchNorm2d(outs), nn.ReLU())
        over = plain(outs, outs, (3, 1), stride=(step, 1), padding=(1, 0), groups=outs)
        self.bands = nn.Sequential(over, Split(outs))
        along = plain(outs, outs, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=outs)
        self.frames = nn.Sequential(along, nn.BatchNorm2d(outs), nn.SiLU(), plain(outs, outs))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bands(x if self.change is None else self.change(x))
        y = y + self.frames(y.mean(2, keepdim=True))
        return F.relu(y if self.change is not None else y + x)


class Reference(nn.Module):
    """Features ``(B, T, F)`` to logits."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        width = 16 * size
        self.head = nn.Sequential(
            plain(1, width, 5, stride=(2, 1), padding=2), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for n, (count, channels) in enumerate(((2, 8), (2, 12), (4, 16), (4, 20))):
            for k in range(count):
                step = 2 if n in (1, 2) and k == 0 else 1
                blocks.append(ReferenceBlock(width, channels * size, step, 2**n))
                width = channels * size
        self.blocks = nn.Sequential(*blocks)
        wide = 32 * size
        self.tail = nn.Sequential(
            plain(width, width, (5, 5), padding=(0, 2), groups=width),
            plain(width, wide),
            nn.BatchNorm2d(wide),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(wide, classes, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.blocks(self.head(x.transpose(1, 2)[:, None]))).flatten(1)


def flipped(tensor: Tensor) -> Tensor:
    """The reference's filters with time before frequency."""
    return tensor.transpose(2, 3) if tensor.dim() == 4 else tensor


def by_group(own: Tensor, other: Tensor) -> Tensor:
    """What SubSpectralNorm holds channel by channel, group by group as here."""
    return other.view(-1, 5).T.reshape(own.shape)


def pairs(net: BcResNet, reference: Reference) -> list[tuple[str, Tensor, Tensor, bool]]:
    """Tensors of both, in the same order, and whether a norm of groups holds them."""
    grouped = {
        name for name, module in net.named_modules() if isinstance(module, BandNorm) and module.groups > 1
    }
    own = {**dict(net.named_parameters()), **dict(net.named_buffers())}
    found = []
    for ours, theirs in (
        (net.named_parameters(), reference.parameters()),
        (net.named_buffers(), reference.buffers()),
    ):
        for (name, _), other in zip(ours, theirs, strict=True):
            found.append((name, own[name], other, name.rpartition(".")[0] in grouped and other.dim() > 0))
    return found


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("training", [True, False])
def test_against_a_reference_of_pytorchs_own_layers(size: int, training: bool) -> None:
    torch.manual_seed(0)
    reference = Reference(7, size).double().train(training)
    net = BcResNet(learned, 40, 7, size, dropout=0.0).double().train(training)
    with torch.no_grad():
        for _, own, other, grouped in pairs(net, reference):
            if other.dim() > 0:
                other.add_(torch.rand_like(other) / 10)
                own.copy_((by_group(own, other) if grouped else flipped(other)).reshape(own.shape))
    x = torch.randn(3, 33, 40, dtype=torch.double)
    label = torch.randint(0, 7, (3,))
    ours, theirs = net(x), reference(x)
    torch.testing.assert_close(ours, theirs)
    for logits in (ours, theirs):
        F.cross_entropy(logits, label).backward()
    for name, own, other, grouped in pairs(net, reference):
        if isinstance(own, nn.Parameter):
            assert own.grad is not None, name
            assert other.grad is not None
            wanted = by_group(own, other.grad) if grouped else flipped(other.grad).reshape(own.shape)
            torch.testing.assert_close(own.grad, wanted)
        elif own.dim() > 0:
            torch.testing.assert_close(own, by_group(own, other) if grouped else other)


# --- the rest ---


def test_slots_and_a_kind_in_all_of_them() -> None:
    slots = slots_of(lambda make: BcResNet(make, 40, 12))
    roles = [slot.role for slot in slots]
    assert {role: roles.count(role) for role in roles} == {"transition": 4, "block": 12, "last": 1}
    assert (slots[0].name, slots[-1].name) == ("stage1.0.transition", "last.0")
    ternary = {"_target_": "speechsrt.pointwise.ternary.Ternary", "where": ["*"]}
    net = network(1, 12, 40, ternary)
    in_slots = sum(slot.in_channels * slot.out_channels for slot in slots)
    assert sum(parameter.numel() for parameter in net.parameters()) == 9_232 - in_slots


def test_dropout_takes_whole_channels_in_training_alone() -> None:
    torch.manual_seed(0)
    block = Block(learned, "block", (8, 8), 1, 1, False, 0.5)
    x = torch.ones(4, 9, 8)
    dropped = block._dropped(x)
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert block.eval()._dropped(x) is x


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (1, 101)])
def test_edge_sizes(shape: tuple[int, int]) -> None:
    assert network(1, 1).eval()(torch.zeros(*shape, 40)).shape == (shape[0], 1)
    assert network(0.125, 2, 80).eval().embed(torch.zeros(*shape, 80)).shape == (shape[0], 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"features": 64},
            "features.channels=64: BC-ResNet halves them thrice, in 5 groups; choose a multiple",
        ),
        ({"size": 0.1}, "model.size=0.1: choose from 0.125 to 64"),
        ({"dropout": 1.0}, "model.dropout=1.0: choose a share from 0 to below 1"),
    ],
)
def test_mistakes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        BcResNet(learned, **{"features": 40, "classes": 2, **settings})
