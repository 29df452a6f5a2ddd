"""The ordinary 1x1: one trained number for every pair of channels, ``in * out`` weights."""

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise
from speechsrt.pointwise.spectrum import check_penalty


class Learned(Pointwise):
    """A dense trained matrix, Xavier-uniform at the start (Glorot & Bengio 2010, eq. 16).

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        l2: weight of ``|W|^2 / 2`` in the loss, the control of the trace norm.

    Raises:
        UserError: a weight below 0.
    """

    passing: ClassVar[tuple[str, ...]] = ("l2",)

    def __init__(self, in_channels: int, out_channels: int, l2: float = 0.0) -> None:
        super().__init__(in_channels, out_channels)
        self.l2 = check_penalty("l2", l2)
        self.matrix = nn.Parameter(nn.init.xavier_uniform_(torch.empty(out_channels, in_channels)))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return a layer that holds `weight` itself; the error is zero."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        layer.matrix.data.copy_(weight)
        return layer, 0.0

    def settings(self) -> dict[str, Any]:
        """Return the penalty, where there is one."""
        return {"l2": self.l2} if self.l2 else {}

    def weight(self) -> Tensor:
        """Return the trained matrix ``(out, in)``."""
        return self.matrix

    def penalty(self) -> Tensor:
        """Return ``l2 / 2 |W|^2`` (Frobenius)."""
        return self.l2 / 2 * self.matrix.square().sum() if self.l2 else torch.zeros(())

    def cost(self) -> Cost:
        """One multiplication and one addition for every weight and frame."""
        count = self.matrix.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)
