"""The matrix product of the project by the fastest road of the device at hand, and memory that is kept for reuse.

On x86 processors oneDNN's 1x1 convolution in channels-last memory is the same product as `F.linear`, which
goes through MKL; on AMD processors with AVX-512 it takes less than half the time (docs/training.md, "Speed").
"""

import ctypes
import platform

import torch
import torch.nn.functional as F
from torch import Tensor

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def dense(x: Tensor, weight: Tensor) -> Tensor:
    """Return ``x @ weight.T``: ``(..., in)`` by ``(out, in)`` to ``(..., out)``."""
    if not _through_convolution(x):
        return F.linear(x, weight)
    rows = x.unsqueeze(1) if x.dim() == 3 else x.reshape(1, 1, -1, x.shape[-1])
    product = F.conv2d(rows.permute(0, 3, 1, 2), weight[:, :, None, None])
    return product.permute(0, 2, 3, 1).reshape(*x.shape[:-1], weight.shape[0])


def _through_convolution(x: Tensor) -> bool:
    small = x.dim() < 2 or x.numel() < 1 << 14
    return not small and x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()


def keep_freed_memory() -> None:
    """Let glibc keep freed memory instead of giving it back to the system after every layer.

    Activations of some megabytes are otherwise mapped and cleared page by page in each step, which took a fifth
    of a step's time. Elsewhere than on glibc nothing happens.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for parameter, value in ((_M_MMAP_THRESHOLD, 1 << 30), (_M_TRIM_THRESHOLD, (1 << 31) - 1)):
        libc.mallopt(parameter, value)
