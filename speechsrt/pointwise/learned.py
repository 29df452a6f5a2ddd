"""The ordinary 1x1: one trained number for every pair of channels, ``in * out`` weights."""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise


class Learned(Pointwise):
    """A dense trained matrix, Xavier-uniform at the start (Glorot & Bengio 2010, eq. 16)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        self.matrix = nn.Parameter(nn.init.xavier_uniform_(torch.empty(out_channels, in_channels)))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return a layer that holds `weight` itself; the error is zero."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        layer.matrix.data.copy_(weight)
        return layer, 0.0

    def weight(self) -> Tensor:
        """Return the trained matrix ``(out, in)``."""
        return self.matrix

    def cost(self) -> Cost:
        """One multiplication and one addition for every weight and frame."""
        count = self.matrix.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)
