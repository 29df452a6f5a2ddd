"""A 1x1 through a narrow middle: ``W = U V`` with ``U (out, r)`` and ``V (r, in)``, ``r (in + out)`` weights.

The rank is given as a number or as a share of ``min(in, out)``. Both factors start uniform with the variance
that gives the entries of the product the variance of a Xavier-uniform matrix, ``2 / (in + out)``.
The nearest matrix of rank r is the truncated singular value decomposition (Eckart & Young 1936).

With ``trace_norm`` the loss has ``trace_norm / 2 (|U|^2 + |V|^2)``, whose minimum over all factorings of W is
trace_norm times the trace norm of W, the sum of its singular values: at full rank the first of the two stages
of Kliegl et al. 2017 (arXiv 1710.09026, eq. 4), after which ``speechsrt compress`` cuts the rank.
``l2 / 2 |U V|^2`` is its control.
"""

from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.kernels import dense
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error
from speechsrt.pointwise.spectrum import check_penalty, rank_for, singular_values


class LowRank(Pointwise):
    """A product of two trained factors.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        rank: the inner width, 1 to ``min(in, out)``.
        rank_ratio: instead of `rank`, its share of ``min(in, out)``, rounded, at least 1.
        explained_variance: instead of both, for a projection: the smallest rank that keeps such a share of
            the squared singular values.
        trace_norm: weight of the factors' squares in the loss.
        l2: weight of the product's squares in the loss.

    Raises:
        UserError: not one of the three is given, a rank that does not fit the shape, a negative weight, or
            `explained_variance` without a matrix to explain.
    """

    passing: ClassVar[tuple[str, ...]] = ("trace_norm", "l2")

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        rank: int | None = None,
        rank_ratio: float | None = None,
        explained_variance: float | None = None,
        trace_norm: float = 0.0,
        l2: float = 0.0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        if explained_variance is not None:
            raise UserError(
                f"pointwise.explained_variance={explained_variance}: needs a trained matrix, see compress; "
                "give rank or rank_ratio to train one"
            )
        self.rank = _inner_width(in_channels, out_channels, rank, rank_ratio)
        self.trace_norm, self.l2 = check_penalty("trace_norm", trace_norm), check_penalty("l2", l2)
        bound = (3.0 * (2.0 / ((in_channels + out_channels) * self.rank)) ** 0.5) ** 0.5
        self.left = nn.Parameter(torch.empty(out_channels, self.rank).uniform_(-bound, bound))
        self.right = nn.Parameter(torch.empty(self.rank, in_channels).uniform_(-bound, bound))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the nearest layer of the wanted rank, the singular values shared between both factors."""
        share = settings.pop("explained_variance", None)
        if share is not None:
            settings |= _explaining(weight, share, settings)
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        left, values, right = torch.linalg.svd(weight.detach(), full_matrices=False)
        root = values[: layer.rank].sqrt()
        layer.left.data.copy_(left[:, : layer.rank] * root)
        layer.right.data.copy_(root[:, None] * right[: layer.rank])
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return the rank, and the penalties where there are some."""
        penalties = {"trace_norm": self.trace_norm, "l2": self.l2}
        return {"rank": self.rank} | {name: weight for name, weight in penalties.items() if weight}

    def weight(self) -> Tensor:
        """Return the product of the factors, ``(out, in)``."""
        return self.left @ self.right

    def forward(self, x: Tensor) -> Tensor:
        """Apply the factors in turn where that is less work than their product."""
        if self.rank * (self.in_channels + self.out_channels) >= self.in_channels * self.out_channels:
            return super().forward(x)
        return dense(dense(x, self.right), self.left)

    def penalty(self) -> Tensor:
        """Return ``trace_norm / 2 (|U|^2 + |V|^2) + l2 / 2 |U V|^2``."""
        loss = torch.zeros(())
        if self.trace_norm:
            loss = self.trace_norm / 2 * (self.left.square().sum() + self.right.square().sum())
        return loss + self.l2 / 2 * self.weight().square().sum() if self.l2 else loss

    def cost(self) -> Cost:
        """One multiplication and addition for every weight of the factors, or of their product if fewer."""
        count = self.left.numel() + self.right.numel()
        work = min(count, self.in_channels * self.out_channels)
        return Cost(count, count, FLOAT_BITS * count, work, work)


def _explaining(weight: Tensor, share: float, settings: dict[str, Any]) -> dict[str, Any]:
    if not 0 < share <= 1:
        raise UserError(f"pointwise.explained_variance={share}: choose a share above 0 and up to 1")
    if settings.get("rank") is not None or settings.get("rank_ratio") is not None:
        raise UserError(
            "pointwise.rank: give one of rank, rank_ratio and explained_variance, the others null"
        )
    return {"rank": rank_for(singular_values(weight), share)}


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
