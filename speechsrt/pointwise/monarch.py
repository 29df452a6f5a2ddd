"""A Monarch 1x1: two block-diagonal factors with a permutation between (Dao et al. 2022, arXiv 2204.00595).

With b blocks, input k p and output s l (k and l number the blocks, p and s what is in them)::

    y[s, l] = sum_k left[l, s, k] sum_p right[k, l, p] x[k, p]

so every (l, k) part of W is an outer product: ``b (in + out)`` weights, ``2 n^1.5`` at ``b = sqrt(n)``. The
nearest Monarch matrix takes the first singular pair of each part (theorem 1 there).
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.kernels import STRUCTURE_PAYS
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error, spread


class Monarch(Pointwise):
    """A product of two block-diagonal matrices.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        blocks: b, a divisor of both widths; null takes the one nearest to the root of the larger width.

    Raises:
        UserError: a number of blocks that does not divide both widths.
    """

    def __init__(self, in_channels: int, out_channels: int, blocks: int | None = None) -> None:
        super().__init__(in_channels, out_channels)
        possible = common_divisors(in_channels, out_channels)
        root = max(in_channels, out_channels) ** 0.5
        self.blocks = min(possible, key=lambda b: abs(b - root)) if blocks is None else blocks
        if self.blocks not in possible:
            raise UserError(
                f"pointwise.blocks={blocks}: a {out_channels} x {in_channels} layer takes "
                f"{', '.join(map(str, possible))} blocks"
            )
        b, deviation = self.blocks, spread(in_channels, out_channels) ** 0.5
        self.right = nn.Parameter(deviation * torch.randn(b, b, in_channels // b))
        self.left = nn.Parameter(deviation * torch.randn(b, out_channels // b, b))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the nearest Monarch matrix: the first singular pair of every part."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        b = layer.blocks
        parts = weight.detach().reshape(-1, b, b, weight.shape[1] // b).permute(1, 2, 0, 3)  # (l, k, s, p)
        u, values, v = torch.linalg.svd(parts, full_matrices=False)
        root = values[..., :1].sqrt()
        layer.left.data.copy_((u[..., 0] * root).transpose(1, 2))
        layer.right.data.copy_((v[..., 0, :] * root).transpose(0, 1))
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return the number of blocks."""
        return {"blocks": self.blocks}

    def weight(self) -> Tensor:
        """Return the dense matrix ``(out, in)``."""
        parts = self.left.permute(1, 0, 2)[..., None] * self.right.transpose(0, 1)  # (s, l, k, p)
        return parts.reshape(self.out_channels, self.in_channels)

    def fast(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)`` by both factors in turn."""
        inner = torch.einsum("klp,...kp->...lk", self.right, x.unflatten(-1, (self.blocks, -1)))
        return torch.einsum("lsk,...lk->...sl", self.left, inner).flatten(-2)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)``, factor by factor where that takes less time."""
        wide = self.in_channels * self.out_channels >= STRUCTURE_PAYS
        return self.fast(x) if wide else super().forward(x)

    def cost(self) -> Cost:
        """One multiplication and one addition for every weight of both factors, or the dense product's."""
        count = self.left.numel() + self.right.numel()
        work = min(count, self.in_channels * self.out_channels)
        return Cost(count, count, FLOAT_BITS * count, work, work)


def common_divisors(a: int, b: int) -> list[int]:
    """Return the numbers that divide both."""
    return [n for n in range(1, min(a, b) + 1) if a % n == 0 and b % n == 0]
