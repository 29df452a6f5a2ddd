"""Batch normalisation of images whose few channels fill no vector register: of whole rows, then summed up.

PyTorch's kernels run along the channels, of which BC-ResNet has 8 to 20: on a processor they then take ten
times as long as the memory needs. A row of bands times channels is wide, and what a channel needs to know is
the sum over its columns.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost

EPS = 1e-5
WIDEST = 16
"""At most so many frames are put beside each other in a row."""


class BandNorm(nn.BatchNorm1d):
    """Batch normalisation of every channel in each of some groups of bands (SubSpectralNorm).

    Of ``(B, T, F, C)``, F a multiple of the groups; with one group, plain batch normalisation of ``(..., C)``
    (Chang and others 2021, arXiv 2103.13620).
    """

    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__(groups * channels, eps=EPS)
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        values = input.numel() // max(1, self.num_features)
        if not self.training or values < 2 or input.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return self.plainly(input)
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        rows = self._rows(input.contiguous())
        normed, mean, variance = _InRows.apply(rows, self.weight, self.bias, self.eps)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (values / (values - 1)), self.momentum)
        return normed.view(input.shape)

    def plainly(self, input: Tensor) -> Tensor:
        """Normalise by PyTorch's own layer, to which groups are channels: the faster road's reference."""
        if self.groups == 1:
            return super().forward(input.flatten(0, -2)).view(input.shape)
        batch, frames, bands, channels = input.shape
        split = input.view(batch, frames, self.groups, bands // self.groups, channels).transpose(2, 3)
        normed = super().forward(split.reshape(-1, self.groups * channels))
        return normed.view(batch, frames, -1, self.groups, channels).transpose(2, 3).reshape(input.shape)

    def cost(self) -> Cost:
        """Return what it costs: scale and shift, trained; mean and variance, stored; one of each a value."""
        count = self.num_features
        work = count // self.groups
        return Cost(2 * count, 2 * count, 4 * FLOAT_BITS * count, work, work)

    def _rows(self, x: Tensor) -> Tensor:
        """View as ``(rows, frames of a row, groups, bands of a group, channels)``."""
        channels = self.num_features // self.groups
        bands = x.shape[2] // self.groups if self.groups > 1 else 1
        frames = x.numel() // (self.num_features * bands)
        beside = math.gcd(frames, WIDEST)
        return x.view(frames // beside, beside, self.groups, bands, channels)


class _InRows(torch.autograd.Function):
    """Rows ``(N, K, G, F, C)`` normalised in each of G times C; also the means and variances ``(G C)``."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        rows = x.flatten(1)
        means, variances = torch.batch_norm_update_stats(rows, None, None, 0.0)
        count = means.numel() // weight.numel()
        mean = _summed(means, x) / count
        variance = _summed(variances + (means - _spread(mean, x)).square(), x) / count
        scale = weight * (variance + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt())
        ctx.mark_non_differentiable(mean, variance)
        return torch.addcmul(_spread(bias - mean * scale, x), rows, _spread(scale, x)), mean, variance

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor | None) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, mean, inverse = ctx.saved_tensors
        rows, gradient = x.flatten(1), grad_outputs[0]
        assert gradient is not None
        statistics = (None, None, None, _spread(mean, x), _spread(inverse, x))
        sums = torch.ops.aten.native_batch_norm_backward(
            gradient, rows, *statistics, True, 0.0, [False, True, True]
        )
        to_weight, to_bias = (_summed(each, x) for each in sums[1:])
        values, scale = x.numel() // weight.numel(), weight * inverse
        slope = -scale * inverse * to_weight / values
        offset = -scale * to_bias / values - slope * mean
        to_rows = torch.addcmul(_spread(offset, x), rows, _spread(slope, x))
        return to_rows.addcmul_(gradient, _spread(scale, x)).view(x.shape), to_weight, to_bias, None


def _summed(columns: Tensor, x: Tensor) -> Tensor:
    """Sum over what is normalised together: of the columns of rows `x` to ``(G C)``."""
    return columns.view(x.shape[1:]).sum((0, 2)).flatten()


def _spread(each: Tensor, x: Tensor) -> Tensor:
    """Repeat ``(G C)`` for every column of the rows `x`."""
    _, beside, groups, bands, channels = x.shape
    return each.view(groups, 1, channels).repeat(beside, 1, bands, 1).flatten()
