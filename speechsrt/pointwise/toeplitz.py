"""A Toeplitz-like 1x1 of low displacement rank (Sindhwani, Sainath & Kumar 2015, arXiv 1510.01722).

``M = sum_{i=1..r} Z_1(g_i) Z_-1(h_i)``: circulants times skew-circulants, 2 n r weights. r = 1 holds all
circulants and skew-circulants, r = 2 all Toeplitz matrices and their inverses, r = n every matrix.
"""

from typing import Any, Self

from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.pointwise.base import FLOAT_BITS, Cost, relative_error, spread
from speechsrt.pointwise.displacement import around, displaced, nearest
from speechsrt.pointwise.squares import Squares, blocks_of
from speechsrt.pointwise.transforms import (
    circulant_product,
    flat_circulants,
    fourier_cost,
    skew_circulant_product,
)


class Toeplitz(Squares):
    """A stack of matrices of displacement rank `rank`.

    Args:
        in_channels: width of the input, n.
        out_channels: width of the output.
        rank: r, 1 to n.

    Raises:
        UserError: a rank that the width cannot have.
    """

    around: Tensor

    def __init__(self, in_channels: int, out_channels: int, rank: int = 1) -> None:
        super().__init__(in_channels, out_channels)
        if not 1 <= rank <= in_channels:
            raise UserError(
                f"pointwise.rank={rank}: a {out_channels} x {in_channels} layer takes a displacement rank "
                f"from 1 to {in_channels}"
            )
        self.rank = rank
        shape, scale = (self.stack * rank, in_channels), (in_channels / rank) ** 0.5
        root = (scale * spread(in_channels, out_channels)) ** 0.5
        parts = (self.stack, rank, in_channels)
        self.plain = nn.Parameter(root * flat_circulants(shape).view(parts))
        self.skew = nn.Parameter(root * flat_circulants(shape, skew=True).view(parts))
        self.register_buffer("around", around(in_channels), persistent=False)

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return a near layer: factors of the displacement, then alternating least squares."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        for number, block in enumerate(blocks_of(weight.detach())):
            plain, skew = nearest(block, layer.rank)
            layer.plain.data[number] = plain
            layer.skew.data[number] = skew
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return the rank."""
        return {"rank": self.rank}

    def squares(self) -> Tensor:
        """Return the squares ``(stack, in, in)`` by the displacement equation."""
        return displaced(self.plain, self.skew, self.around)

    def transformed(self, x: Tensor) -> Tensor:
        """Return the products ``(stack, ..., in)`` by Fourier transforms."""
        shape = (self.stack, self.rank, *[1] * (x.dim() - 1), self.in_channels)
        inner = skew_circulant_product(self.skew.view(shape), x)
        return circulant_product(self.plain.view(shape), inner).sum(1)

    def cost(self) -> Cost:
        """2 + 2 r Fourier transforms a square, the first shared by all; the spectra are kept."""
        n, terms = self.in_channels, self.stack * self.rank
        multiplications, additions = fourier_cost(n)
        transforms = 1 + 2 * terms + self.stack
        bins = n // 2 + 1
        work = (
            transforms * multiplications + 2 * (4 * bins * terms) + 2 * n * (1 + terms),
            transforms * additions + 2 * (2 * bins * terms) + 2 * bins * (terms - self.stack),
        )
        count = self.plain.numel() + self.skew.numel()
        return self.priced(count, FLOAT_BITS * count, work)
