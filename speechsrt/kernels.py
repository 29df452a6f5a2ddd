"""The two products of the project by the fastest road of the device at hand, and memory kept for reuse.

On x86 processors oneDNN's 1x1 convolution in channels-last memory is the same product as `F.linear`, which
goes through MKL; on AMD processors with AVX-512 it takes less than half the time. A depthwise convolution has
time as the width of an image on the way forward and as its height for the weights' gradient: each time the
form for which oneDNN has its fast kernel (docs/training.md, "Speed").
"""

import ctypes
import platform
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

STRUCTURE_PAYS = 1 << 18
"""From so many entries of a matrix on, several small products take less time than the one they make up."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def dense(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``x @ weight.T``: ``(..., in)`` by ``(out, in)`` to ``(..., out)``."""
    if x.dim() < 2 or not _on_onednn(x):
        return F.linear(x, weight)
    rows = x.unsqueeze(1) if x.dim() == 3 else x.reshape(1, 1, -1, x.shape[-1])
    # Dilation means nothing to a 1x1; on one thread it keeps PyTorch from its own, slower convolution.
    product = F.conv2d(rows.permute(0, 3, 1, 2), weight[:, :, None, None], dilation=2)
    return product.permute(0, 2, 3, 1).reshape(*x.shape[:-1], weight.shape[0])


def depthwise(x: Tensor, weight: Tensor, dilation: int = 1, stride: int = 1) -> Tensor:
    """Filter each channel over time, zeros beyond both ends: ``(B, T, C)`` to ``(B, ceil(T / stride), C)``.

    A dilation of d becomes a plain convolution of the d interleaved sequences, side by side as channels.

    Args:
        x: ``(B, T, C)``.
        weight: ``(C, 1, K)``, K odd.
        dilation: distance between taps.
        stride: step between outputs; 1 where dilated.
    """
    if halved(x):
        with torch.autocast("cpu", enabled=False):
            return depthwise(x.float(), weight.float(), dilation, stride)
    if dilation > 1:
        batch, frames, channels = x.shape
        whole = frames + -frames % dilation
        phases = F.pad(x, (0, 0, 0, whole - frames)).view(batch, whole // dilation, dilation * channels)
        y = depthwise(phases, weight.repeat(dilation, 1, 1))
        return y.reshape(batch, whole, channels)[:, :frames]
    if stride == 1 and _on_onednn(x) and torch.is_grad_enabled() and weight.requires_grad:
        return _Depthwise.apply(x, weight)
    return _along_width(x, weight, stride)


def halved(x: Tensor) -> bool:
    """Say whether mixed precision would halve the numbers of a filter a channel on a processor.

    It is not to: on some processors with AVX-512 oneDNN's kernels for that (PyTorch 2.11) never end.
    """
    return x.device.type == "cpu" and torch.is_autocast_enabled("cpu")


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _along_width(x, weight, 1)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = grad_outputs[0].contiguous()
        to_input = _along_width(gradient, weight.flip(2), 1) if ctx.needs_input_grad[0] else None
        if x.shape[1] < weight.shape[2]:  # oneDNN takes thirty times as long where a kernel sticks out
            rest = (0, 0, 0, weight.shape[2] - x.shape[1])
            x, gradient = F.pad(x, rest), F.pad(gradient, rest)
        to_weight = torch.ops.aten.convolution_backward(
            gradient.unsqueeze(2).permute(0, 3, 1, 2),
            x.unsqueeze(2).permute(0, 3, 1, 2),
            weight.unsqueeze(3),
            None,
            [1, 1],
            [weight.shape[2] // 2, 0],
            [1, 1],
            False,
            [0, 0],
            len(weight),
            [False, True, False],
        )[1]
        return to_input, to_weight.squeeze(3)


def _along_width(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    image = x.unsqueeze(1).permute(0, 3, 1, 2)  # (B, C, 1, T)
    y = F.conv2d(image, weight.unsqueeze(2), None, (1, stride), (0, weight.shape[2] // 2), 1, len(weight))
    return y.permute(0, 2, 3, 1).squeeze(1)


def _on_onednn(x: Tensor) -> bool:
    large = x.numel() >= 1 << 14
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    return large and plain and torch.backends.mkldnn.is_available()


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of giving it back to the system after every layer.

    Activations of some megabytes are otherwise mapped and cleared page by page in each step, which took a
    fifth of a step's time. Elsewhere than on glibc nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for parameter, value in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, (1 << 31) - 1)):
        libc.mallopt(parameter, value)
