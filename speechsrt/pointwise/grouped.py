"""A grouped 1x1: channels in g groups that do not see each other, ``in out / g`` weights.

With ``shuffle`` the outputs are dealt out over the groups, so that the next layer's groups see all of this
one's (ShuffleNet, Zhang et al. 2018, arXiv 1707.01083); QuartzNet has been tried with groups (Kriman et al.
2019, section 3.3, which shuffles too).
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.kernels import STRUCTURE_PAYS
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error, spread
from speechsrt.pointwise.monarch import common_divisors


class Grouped(Pointwise):
    """A block-diagonal matrix.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        groups: g, a divisor of both widths.
        shuffle: deal the outputs out: number b of group a becomes output ``b g + a``.

    Raises:
        UserError: a number of groups that does not divide both widths.
    """

    def __init__(self, in_channels: int, out_channels: int, groups: int = 4, shuffle: bool = False) -> None:
        super().__init__(in_channels, out_channels)
        possible = common_divisors(in_channels, out_channels)
        if groups not in possible:
            raise UserError(
                f"pointwise.groups={groups}: a {out_channels} x {in_channels} layer takes "
                f"{', '.join(map(str, possible))} groups"
            )
        self.groups, self.shuffle = groups, shuffle
        bound = (3 * groups) ** 0.5 * spread(in_channels, out_channels)
        shape = (groups, out_channels // groups, in_channels // groups)
        self.blocks = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the nearest layer: the blocks themselves, the rest left out."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        g, outs, ins = layer.blocks.shape
        rows = weight.detach().view(outs, g, -1).transpose(0, 1) if layer.shuffle else weight.detach()
        parts = rows.reshape(g, outs, g, ins)
        layer.blocks.data.copy_(parts[range(g), :, range(g)])
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return groups and shuffle."""
        return {"groups": self.groups, "shuffle": self.shuffle}

    def weight(self) -> Tensor:
        """Return the dense matrix ``(out, in)``, zeros outside the blocks."""
        dense = torch.block_diag(*self.blocks)
        if not self.shuffle:
            return dense
        return dense.unflatten(0, (self.groups, -1)).transpose(0, 1).flatten(0, 1)

    def fast(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)`` group by group."""
        rows = x.reshape(-1, self.groups, self.blocks.shape[2]).transpose(0, 1)
        parts = torch.bmm(rows, self.blocks.transpose(1, 2))  # (groups, rows, out / groups)
        order = (1, 2, 0) if self.shuffle else (1, 0, 2)
        return parts.permute(order).reshape(*x.shape[:-1], self.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)``, group by group where that takes less time."""
        wide = self.in_channels * self.out_channels >= STRUCTURE_PAYS
        return self.fast(x) if wide else super().forward(x)

    def cost(self) -> Cost:
        """One multiplication and one addition for every weight."""
        count = self.blocks.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)
