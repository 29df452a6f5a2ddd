import platform
import types

import pytest
import torch
import torch.nn.functional as F

from speechsrt.kernels import dense, depthwise, keep_freed_memory
from speechsrt.models.filters import Filters

SMALL, LARGE = (
    [(), (0,), (3,), (0, 5), (2, 1), (2, 0, 3), (1, 2, 3)],
    [(600,), (40, 16), (1, 700), (5, 4, 40)],
)


def assert_same_gradients(ours, reference, inputs, rtol):
    direction = torch.randn_like(ours)
    found = torch.autograd.grad(ours, inputs, direction)
    expected = torch.autograd.grad(reference, inputs, direction)
    torch.testing.assert_close(found, expected, rtol=rtol, atol=1e-3)


@pytest.mark.parametrize("leading", SMALL + LARGE, ids=str)
@pytest.mark.parametrize(("ins", "outs"), [(32, 48), (32, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dense_is_linear_by_every_road(leading, ins, outs, dtype):
    x = torch.randn(*leading, ins, dtype=dtype, requires_grad=True)
    weight = torch.randn(outs, ins, dtype=dtype, requires_grad=True)
    ours, reference = dense(x, weight), F.linear(x, weight)
    assert ours.shape == (*leading, outs)
    torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)
    assert_same_gradients(ours, reference, (x, weight), rtol=1e-4)


def test_one_channel():
    x, weight = torch.randn(200, 100, 1), torch.randn(3, 1)
    torch.testing.assert_close(dense(x, weight), x * weight[:, 0])


def test_dense_reads_a_view_in_any_memory_order():
    x, weight = torch.randn(8, 64, 100), torch.randn(16, 64)
    torch.testing.assert_close(
        dense(x.transpose(1, 2), weight), x.transpose(1, 2) @ weight.T, rtol=1e-4, atol=1e-4
    )


def test_keeping_freed_memory_raises_both_thresholds(monkeypatch):
    asked = {}
    library = types.SimpleNamespace(mallopt=lambda parameter, value: asked.update({parameter: value}))
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr("ctypes.CDLL", lambda name: library)
    keep_freed_memory()
    assert asked == {-3: 1 << 30, -1: (1 << 31) - 1}  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD


def test_elsewhere_than_on_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", lambda name: pytest.fail("another C library was asked"))
    keep_freed_memory()


@pytest.mark.parametrize("frames", [1, 2, 7, 20, 64, 101])
@pytest.mark.parametrize(
    ("kernel", "dilation", "stride"),
    [(1, 1, 1), (11, 1, 1), (29, 1, 1), (5, 2, 1), (29, 2, 1), (3, 3, 1), (33, 1, 2)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", [1, 40])
def test_depthwise_is_conv1d_by_every_road(frames, kernel, dilation, stride, dtype, batch):
    x = torch.randn(batch, frames, 24, dtype=dtype, requires_grad=True)
    weight = torch.randn(24, 1, kernel, dtype=dtype, requires_grad=True)
    ours = depthwise(x, weight, dilation, stride)
    padding = dilation * (kernel // 2)
    reference = F.conv1d(x.transpose(1, 2), weight, None, stride, padding, dilation, 24).transpose(1, 2)
    torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-4)
    assert_same_gradients(ours, reference, (x, weight), rtol=1e-3)


@pytest.mark.parametrize("dilation", [1, 2])
def test_mixed_precision_leaves_filters_whole_on_processors(dilation):
    x, weight = torch.randn(2, 9, 8), torch.randn(8, 1, 5)
    filters = Filters((8, 8), (3, 3), groups=8)
    image = torch.randn(2, 5, 4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = depthwise(x.bfloat16(), weight, dilation), filters(image)
    assert torch.equal(found[0], depthwise(x.bfloat16().float(), weight, dilation))
    assert torch.equal(found[1], filters(image))


def test_depthwise_without_a_gradient_for_its_input():
    x, weight = torch.randn(40, 64, 24), torch.randn(24, 1, 5, requires_grad=True)
    depthwise(x, weight).sum().backward()
    assert weight.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(depthwise(x, weight), depthwise(x, weight.clone().requires_grad_()))
