import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from speechsrt.models.separable import Block, Depthwise, Norm, Unit, masked
from speechsrt.pointwise.base import Cost
from speechsrt.pointwise.learned import Learned


def make(_name, _role, ins, outs):
    return Learned(ins, outs)


def names_of(**arguments) -> list[tuple[str, str]]:
    asked = []

    def ask(name, role, ins, outs):
        asked.append((name, role))
        return Learned(ins, outs)

    Block(ask, "b", "role", **arguments)
    return asked


def block_of(**arguments) -> Block:
    torch.manual_seed(0)
    return Block(make, "b", "block", **arguments).double()


def shaken(block: nn.Module) -> nn.Module:
    """The block in evaluation mode with statistics that move the zeros, so that a leak would be seen."""
    for module in block.modules():
        if isinstance(module, Norm):
            module.load_state_dict(
                {name: torch.rand_like(tensor.float()) + 0.5 for name, tensor in module.state_dict().items()}
            )
    return block.eval()


# --- depthwise ---


def slow_depthwise(layer: Depthwise, x: Tensor) -> Tensor:
    """PyTorch's own 1-D convolution, channels first."""
    pad = layer.dilation * (layer.kernel // 2)
    y = F.conv1d(x.transpose(1, 2), layer.weight, None, layer.stride, pad, layer.dilation, layer.channels)
    return y.transpose(1, 2)


@given(
    channels=st.integers(1, 5),
    half=st.integers(0, 4),
    frames=st.integers(1, 21),
    batch=st.integers(0, 3),
    step=st.sampled_from([(1, 1), (1, 2), (1, 3), (2, 1), (3, 1)]),
)
@settings(max_examples=50, deadline=None)
def test_depthwise_is_a_1d_convolution(channels, half, frames, batch, step):
    stride, dilation = step
    layer = Depthwise(channels, 2 * half + 1, dilation, stride).double()
    x = torch.randn(batch, frames, channels, dtype=torch.double, requires_grad=True)
    ours, reference = layer(x), slow_depthwise(layer, x)
    assert ours.shape == (batch, -(-frames // stride), channels)
    torch.testing.assert_close(ours, reference)
    direction = torch.randn_like(ours)
    inputs = (x, layer.weight)
    found = torch.autograd.grad(ours, inputs, direction)
    expected = torch.autograd.grad(reference, inputs, direction)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(("kernel", "dilation"), [(29, 2), (13, 1), (87, 2)])
@pytest.mark.parametrize("frames", [1, 2, 27, 128])
def test_depthwise_with_the_recipes_kernels_in_float32(kernel, dilation, frames):
    layer = Depthwise(64, kernel, dilation)
    x = torch.randn(2, frames, 64)
    torch.testing.assert_close(layer(x), slow_depthwise(layer, x), rtol=1e-4, atol=1e-5)


def test_depthwise_reads_a_view_in_any_memory_order():
    x = torch.randn(2, 6, 7).transpose(1, 2)
    for dilation in (1, 2):
        layer = Depthwise(6, 5, dilation)
        torch.testing.assert_close(layer(x), layer(x.contiguous()))


def test_depthwise_cost_and_shape():
    layer = Depthwise(6, 5, dilation=2)
    assert layer.cost() == Cost(30, 30, 32 * 30, 30, 30)
    assert repr(layer) == "Depthwise(6, kernel=5, dilation=2, stride=1)"


def test_depthwise_shapes_that_no_recipe_has():
    with pytest.raises(AssertionError, match="even kernel"):
        Depthwise(2, 4)
    with pytest.raises(AssertionError, match="dilated and strided"):
        Depthwise(2, 3, dilation=2, stride=2)


# --- normalisation ---


def test_norm_is_batch_norm_over_all_frames():
    ours, reference = Norm(5), nn.BatchNorm1d(5, eps=1e-3, momentum=0.1)
    for _ in range(3):
        x = torch.randn(4, 7, 5) * 3 + 1
        torch.testing.assert_close(ours(x), reference(x.transpose(1, 2)).transpose(1, 2))
    torch.testing.assert_close(ours.state_dict(), reference.state_dict())
    x = torch.randn(1, 1, 5)
    torch.testing.assert_close(ours.eval()(x)[0], reference.eval()(x[0]))
    assert ours(torch.zeros(0, 3, 5)).shape == (0, 3, 5)


def test_norm_cost_is_two_trained_and_four_stored():
    assert Norm(5).cost() == Cost(10, 10, 4 * 32 * 5, 5, 5)


# --- blocks ---


def test_masked_zeroes_what_lies_beyond():
    x = torch.ones(3, 4, 2)
    assert masked(x, None) is x
    assert masked(x, torch.tensor([0, 2, 4])).sum(2).tolist() == [[0] * 4, [2, 2, 0, 0], [2] * 4]


def test_a_block_names_its_units_in_order():
    assert names_of(widths=(3, 4), repeat=2, residual="learned") == [
        ("b.0", "role"),
        ("b.1", "role"),
        ("b.residual", "residual"),
    ]
    assert names_of(widths=(3, 3), residual="identity") == [("b.0", "role")]
    assert names_of(widths=(3, 4), residual="identity") == [("b.0", "role"), ("b.residual", "residual")]
    assert names_of(widths=(3, 3), residual="identity", stride=2) == [
        ("b.0", "role"),
        ("b.residual", "residual"),
    ]
    assert names_of(widths=(3, 4), separable=False) == [("b.0", "role")]


def slow_unit(unit: nn.Module, x: Tensor) -> Tensor:
    assert isinstance(unit, Unit)
    assert unit.depthwise is not None
    return unit.norm(unit.pointwise(slow_depthwise(unit.depthwise, x)))


def test_a_block_as_written_out():
    block = block_of(widths=(3, 4), repeat=2, kernel=5, residual="learned").train()
    first, second, skip = *block.units, block.skip
    assert isinstance(skip, Unit)
    x = torch.randn(2, 9, 3, dtype=torch.double)
    hidden = F.relu(slow_unit(first, x))
    expected = F.relu(slow_unit(second, hidden) + skip.norm(skip.pointwise(x)))
    torch.testing.assert_close(block(x)[0], expected)


def test_an_identity_link_adds_the_input_itself():
    block = block_of(widths=(4, 4), kernel=3, residual="identity").eval()
    plain = block_of(widths=(4, 4), kernel=3).eval()
    plain.load_state_dict(block.state_dict())
    x = torch.rand(2, 5, 4, dtype=torch.double) + 100  # so far up that ReLU cuts nothing off
    unit = plain.units[0]
    torch.testing.assert_close(block(x)[0], unit(x, None)[0] + x)


@pytest.mark.parametrize("residual", [None, "learned", "identity"])
@pytest.mark.parametrize(("kernel", "dilation", "separable"), [(5, 1, True), (7, 2, True), (1, 1, False)])
def test_a_clip_is_the_same_alone_and_beside_longer_ones(residual, kernel, dilation, separable):
    block = shaken(
        block_of(
            widths=(4, 4), repeat=2, kernel=kernel, dilation=dilation, residual=residual, separable=separable
        )
    )
    lengths = torch.tensor([1, 4, 9, 12])
    x = torch.randn(4, 12, 4, dtype=torch.double)  # noise beyond the ends, which must not be heard
    together, after = block(x, lengths)
    assert after.tolist() == lengths.tolist()
    for n, length in enumerate(lengths.tolist()):
        alone, _ = block(x[n : n + 1, :length])
        torch.testing.assert_close(together[n : n + 1, :length], alone)


@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_lengths_follow_the_stride(frames):
    block = shaken(block_of(widths=(3, 5), repeat=2, kernel=5, stride=2, residual=None))
    x = torch.randn(1, frames, 3, dtype=torch.double)
    y, lengths = block(F.pad(x, (0, 0, 0, 9), value=7.0), torch.tensor([frames]))
    alone, _ = block(x)
    assert lengths.tolist() == [alone.shape[1]] == [(frames + 1) // 2]
    torch.testing.assert_close(y[:, : alone.shape[1]], alone)


def test_dropout_falls_after_every_relu_and_in_training_only():
    block = block_of(widths=(4, 4), kernel=3, dropout=0.5)
    x = torch.randn(8, 20, 4, dtype=torch.double)
    zeros = float((block.train()(x)[0] == 0).double().mean())
    assert 0.65 < zeros < 0.85  # half by ReLU, half of the rest by dropout
    block.eval()
    torch.testing.assert_close(block(x)[0], block(x)[0])


@pytest.mark.parametrize("shape", [(0, 6, 3), (1, 1, 3), (2, 1, 3)])
def test_edge_sizes_of_a_block(shape):
    for dilation in (1, 2):
        block = block_of(widths=(3, 4), kernel=5, dilation=dilation, residual="learned").eval()
        y, _ = block(torch.zeros(*shape, dtype=torch.double))
        assert y.shape == (*shape[:2], 4)
