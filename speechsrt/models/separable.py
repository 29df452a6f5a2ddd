"""The one block: depthwise over time, 1x1 over channels, batch normalisation; repeated, with a residual link.

Everything is channels last, ``x: (B, T, C)``, which the depthwise kernels take without a copy.

The block is that of QuartzNet (Kriman et al. 2019, section 2) and MatchboxNet (Majumdar & Ginsburg 2020).
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechsrt.kernels import depthwise
from speechsrt.pointwise.base import FLOAT_BITS, Cost
from speechsrt.pointwise.placement import Factory


class Depthwise(nn.Module):
    """One filter a channel over time: ``(B, T, C) -> (B, ceil(T / stride), C)``, zeros beyond both ends.

    Args:
        channels: C.
        kernel: taps, an odd number.
        dilation: distance between taps; only with stride 1.
        stride: step between outputs.
    """

    def __init__(self, channels: int, kernel: int, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        assert kernel % 2 == 1, "an even kernel has no middle"
        assert dilation == 1 or stride == 1, "dilated and strided at once is not needed by any recipe"
        self.channels, self.kernel, self.dilation, self.stride = channels, kernel, dilation, stride
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(channels, 1, kernel)))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve; see the class for shapes."""
        return depthwise(x, self.weight, self.dilation, self.stride)

    def cost(self) -> Cost:
        """Return what it costs, arithmetic for one output frame."""
        count = self.weight.numel()
        return Cost(count, count, FLOAT_BITS * count, count, count)

    def extra_repr(self) -> str:
        """Return the shape for printing."""
        return f"{self.channels}, kernel={self.kernel}, dilation={self.dilation}, stride={self.stride}"


class Norm(nn.BatchNorm1d):
    """Batch normalisation over all frames of ``(B, T, C)``, padding included (eps 1e-3, momentum 0.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-3, momentum=0.1)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel."""
        return super().forward(input.flatten(0, 1)).view(input.shape)

    def cost(self) -> Cost:
        """Return what it costs: scale and shift, trained; mean and variance, stored; one of each a frame."""
        count = self.num_features
        return Cost(2 * count, 2 * count, 4 * FLOAT_BITS * count, count, count)


class Unit(nn.Module):
    """Depthwise (where separable), 1x1, normalisation: a sub-block up to its ReLU."""

    def __init__(
        self,
        make: Factory,
        name: str,
        role: str,
        widths: tuple[int, int],
        kernel: int = 1,
        dilation: int = 1,
        stride: int = 1,
        separable: bool = True,
    ) -> None:
        super().__init__()
        self.depthwise = Depthwise(widths[0], kernel, dilation, stride) if separable else None
        self.pointwise = make(name, role, *widths)
        self.norm = Norm(widths[1])

    def forward(self, x: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Map ``(B, T, C_in)`` to ``(B, T', C_out)``; `lengths` (B,) counts each clip's valid frames."""
        if self.depthwise is not None:
            x = self.depthwise(masked(x, lengths))
            if lengths is not None:
                stride = self.depthwise.stride
                lengths = torch.div(lengths + stride - 1, stride, rounding_mode="floor")
        return self.norm(self.pointwise(masked(x, lengths))), lengths


class Block(nn.Module):
    """Units one after another, the last without a ReLU of its own: the residual link is added, then ReLU.

    Args:
        make: gives the 1x1s.
        name: prefix of their names: ``NAME.0``, ``NAME.1``, ..., ``NAME.residual``.
        role: role of the separable 1x1s; the residual link's is ``residual``.
        widths: channels in and out.
        repeat: number of units.
        kernel: taps of the depthwise convolutions.
        dilation: their dilation.
        stride: stride of the first unit.
        residual: ``learned`` (1x1 and normalisation), ``identity`` (the plain input, where the widths agree;
            elsewhere as learned) or None.
        separable: False leaves the depthwise convolution out: a plain 1x1.
        dropout: share of values zeroed after each ReLU in training.
    """

    def __init__(
        self,
        make: Factory,
        name: str,
        role: str,
        widths: tuple[int, int],
        repeat: int = 1,
        kernel: int = 1,
        dilation: int = 1,
        stride: int = 1,
        residual: Literal["learned", "identity"] | None = None,
        separable: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        pairs = [widths] + [(widths[1], widths[1])] * (repeat - 1)
        self.units = nn.ModuleList(
            Unit(make, f"{name}.{i}", role, pair, kernel, dilation, stride if i == 0 else 1, separable)
            for i, pair in enumerate(pairs)
        )
        self.identity = residual == "identity" and widths[0] == widths[1] and stride == 1
        self.skip = None
        if residual is not None and not self.identity:
            self.skip = Unit(make, f"{name}.residual", "residual", widths, separable=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Map ``(B, T, C_in)`` and lengths ``(B,)`` to ``(B, T', C_out)`` and the lengths there."""
        y, after = x, lengths
        for i, unit in enumerate(self.units):
            if i > 0:
                y = self.dropout(F.relu(y))
            y, after = unit(y, after)
        if self.identity:
            y = y + x
        elif self.skip is not None:
            y = y + self.skip(x, lengths)[0]
        return self.dropout(F.relu(y)), after


def masked(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return ``(B, T, C)`` with zeros beyond each clip's length; no lengths: all frames count."""
    if lengths is None:
        return x
    valid = torch.arange(x.shape[1], device=x.device) < lengths[:, None]
    return x * valid[:, :, None]
