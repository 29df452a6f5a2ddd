"""Filters over time and frequency, on images with channels last, ``(B, T, F, C)``."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt.kernels import halved
from speechsrt.pointwise.base import FLOAT_BITS, Cost

Pair = tuple[int, int]
"""Of time and of frequency."""


class Filters(nn.Module):
    """Weights ``(C_out, C_in / groups, taps over time, taps over frequency)``, no bias.

    Maps ``(B, T, F, C_in)`` to ``(B, T', F', C_out)``.

    Args:
        channels: C_in and C_out.
        kernel: taps over time and frequency, odd numbers.
        stride: steps.
        padding: zeros beyond the edges; left out, as many as keep the size at a stride of 1.
        groups: of channels that see only each other; C_in for one filter a channel.
    """

    def __init__(
        self,
        channels: tuple[int, int],
        kernel: Pair,
        stride: Pair = (1, 1),
        padding: Pair | None = None,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.stride, self.groups = stride, groups
        self.padding = (kernel[0] // 2, kernel[1] // 2) if padding is None else padding
        shape = (channels[1], channels[0] // groups, *kernel)
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        if self.groups > 1 and halved(x):
            with torch.autocast("cpu", enabled=False):
                return self(x.float())
        y = F.conv2d(x.permute(0, 3, 1, 2), self.weight, None, self.stride, self.padding, 1, self.groups)
        return y.permute(0, 2, 3, 1).contiguous()

    def cost(self) -> Cost:
        """Return what it costs, arithmetic for one band of one output frame: each weight once."""
        count = self.weight.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)

    def extra_repr(self) -> str:
        """Return the shape for printing."""
        return f"{tuple(self.weight.shape)}, stride={self.stride}"
