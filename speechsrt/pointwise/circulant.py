"""A circulant 1x1: every row is the one above, moved on by one; n weights in place of n^2.

``W[i, j] = c[(i - j) mod n]``; a product costs two Fourier transforms. Cheng et al. 2015 (arXiv 1502.03436);
compared with in Sindhwani, Sainath & Kumar 2015 (arXiv 1510.01722).
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost, relative_error, spread
from speechsrt.pointwise.squares import Squares, blocks_of
from speechsrt.pointwise.transforms import circulant, circulant_product, flat_circulants, fourier_cost


class Circulant(Squares):
    """A stack of circulants, each started with a flat spectrum: a random orthogonal matrix, scaled."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels)
        scale = in_channels**0.5 * spread(in_channels, out_channels)
        self.column = nn.Parameter(scale * flat_circulants((self.stack, in_channels)))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the nearest circulant: the mean along every diagonal that goes around."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        n = weight.shape[1]
        for column, block in zip(layer.column.data, blocks_of(weight.detach()), strict=True):
            rows = torch.arange(len(block), device=weight.device)[:, None]
            diagonal = (rows - torch.arange(n, device=weight.device)) % n
            column.copy_(
                torch.zeros_like(column).index_add_(0, diagonal.flatten(), block.flatten()) / len(block)
            )
        return layer, relative_error(weight, layer.weight())

    def squares(self) -> Tensor:
        """Return the circulants ``(stack, in, in)``."""
        return circulant(self.column)

    def transformed(self, x: Tensor) -> Tensor:
        """Return the products ``(stack, ..., in)`` by Fourier transforms."""
        column = self.column.view(self.stack, *[1] * (x.dim() - 1), self.in_channels)
        return circulant_product(column, x)

    def cost(self) -> Cost:
        """A Fourier transform of the input, products of half a spectrum and a transform back a circulant."""
        multiplications, additions = fourier_cost(self.in_channels)
        bins = self.in_channels // 2 + 1
        work = (
            (1 + self.stack) * multiplications + 4 * bins * self.stack,
            (1 + self.stack) * additions + 2 * bins * self.stack,
        )
        count = self.column.numel()
        return self.priced(count, FLOAT_BITS * count, work)
