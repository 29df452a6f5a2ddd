"""A constant dense Gaussian 1x1: never trained, drawn again from its seed; a control of the ternary kind.

Entry (o, i) is the Gaussian quantile of ``(w + 1/2) / 2^53`` with w the upper 53 bits of the word
``o in + i`` (`speechsrt.pointwise.generators`), in double precision, times ``sqrt(2 / (in + out))``.
Unlike the ternary generators it is not bit-exact across mathematics libraries, only to rounding.
"""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from speechsrt.pointwise.base import Cost, Pointwise, relative_error, spread
from speechsrt.pointwise.generators import words


class RandomFixed(Pointwise):
    """A fixed Gaussian matrix; a checkpoint holds none of its numbers.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        seed: 64-bit seed of this very matrix.
    """

    matrix: Tensor

    def __init__(self, in_channels: int, out_channels: int, seed: int = 0) -> None:
        super().__init__(in_channels, out_channels)
        self.seed = seed
        matrix = gaussian(seed, out_channels, in_channels) * spread(in_channels, out_channels)
        self.register_buffer("matrix", matrix.to(torch.get_default_dtype()), persistent=False)

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the drawn matrix (it cannot follow `weight`) and how far its best multiple stays away."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        drawn = layer.weight()
        scale = (weight * drawn).sum() / drawn.square().sum()
        return layer, relative_error(weight, scale * drawn)

    def settings(self) -> dict[str, Any]:
        """Return the seed."""
        return {"seed": self.seed}

    def weight(self) -> Tensor:
        """Return the drawn matrix ``(out, in)``, a constant."""
        return self.matrix

    def cost(self) -> Cost:
        """No weights to train or to store; a dense product."""
        count = self.matrix.numel()
        return Cost(0, count, 0, count, count)


def gaussian(seed: int, rows: int, columns: int) -> Tensor:
    """Return a standard Gaussian matrix ``(rows, columns)`` out of a seed, in double precision."""
    word = words(seed, np.arange(rows * columns).reshape(rows, columns))
    share = torch.from_numpy(((word >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53)
    return torch.special.ndtri(share)
