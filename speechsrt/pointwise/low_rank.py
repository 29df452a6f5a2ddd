"""A 1x1 through a narrow middle: ``W = U V`` with ``U (out, r)`` and ``V (r, in)``, ``r (in + out)`` weights.

The rank is given as a number or as a share of ``min(in, out)``. Both factors start uniform with the variance
that gives the entries of the product the variance of a Xavier-uniform matrix, ``2 / (in + out)``.
The nearest matrix of rank r is the truncated singular value decomposition (Eckart & Young 1936).
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.kernels import dense
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error


class LowRank(Pointwise):
    """A product of two trained factors.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        rank: the inner width, 1 to ``min(in, out)``.
        rank_ratio: instead of `rank`, its share of ``min(in, out)``, rounded, at least 1.

    Raises:
        UserError: both or neither of the two are given, or the rank does not fit the shape.
    """

    def __init__(
        self, in_channels: int, out_channels: int, rank: int | None = None, rank_ratio: float | None = None
    ) -> None:
        super().__init__(in_channels, out_channels)
        self.rank = _inner_width(in_channels, out_channels, rank, rank_ratio)
        bound = (3.0 * (2.0 / ((in_channels + out_channels) * self.rank)) ** 0.5) ** 0.5
        self.left = nn.Parameter(torch.empty(out_channels, self.rank).uniform_(-bound, bound))
        self.right = nn.Parameter(torch.empty(self.rank, in_channels).uniform_(-bound, bound))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the nearest layer of the wanted rank, the singular values shared between both factors."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        left, values, right = torch.linalg.svd(weight.detach(), full_matrices=False)
        root = values[: layer.rank].sqrt()
        layer.left.data.copy_(left[:, : layer.rank] * root)
        layer.right.data.copy_(root[:, None] * right[: layer.rank])
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return the rank."""
        return {"rank": self.rank}

    def weight(self) -> Tensor:
        """Return the product of the factors, ``(out, in)``."""
        return self.left @ self.right

    def forward(self, x: Tensor) -> Tensor:
        """Apply the factors in turn: r (in + out) products a frame instead of in * out."""
        return dense(dense(x, self.right), self.left)

    def cost(self) -> Cost:
        """One multiplication and one addition for every weight of both factors."""
        count = self.left.numel() + self.right.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)


def _inner_width(in_channels: int, out_channels: int, rank: int | None, rank_ratio: float | None) -> int:
    if (rank is None) == (rank_ratio is None):
        raise UserError("pointwise.rank: give either rank or rank_ratio (one of them, the other null)")
    widest = min(in_channels, out_channels)
    if rank_ratio is not None:
        if not 0 < rank_ratio <= 1:
            raise UserError(f"pointwise.rank_ratio={rank_ratio}: choose a share above 0 and up to 1")
        return max(1, round(rank_ratio * widest))
    assert rank is not None
    if not 1 <= rank <= widest:
        raise UserError(
            f"pointwise.rank={rank}: a {out_channels} x {in_channels} layer takes a rank from 1 to {widest}"
        )
    return rank
