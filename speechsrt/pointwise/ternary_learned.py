"""A trained ternary 1x1: -1, 0, +1 times a scale for each output, by a straight-through gradient.

The control of the fixed ternary kind. Latent weights w are trained; what multiplies is
``alpha sign(w)`` where ``|w|`` is above a threshold, else 0 (Li, Zhang & Liu 2016, ternary weight networks,
arXiv 1605.04711): the threshold of an output is ``0.7`` times the mean of its ``|w|`` (their approximation of
the best one, eq. 6), alpha the mean of the ``|w|`` above it (eq. 5). With ``density`` the threshold is the
one that leaves so many of the layer's weights, by size. The gradient goes to w as if nothing had been
rounded.
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error, spread
from speechsrt.pointwise.packing import packed_bits, unpacked_bits


class TernaryLearned(Pointwise):
    """A matrix of three values an output, whose places are trained.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        threshold: in means of ``|w|`` of an output.
        density: instead, the share of weights that are not zero, above 0 and up to 1.

    Raises:
        UserError: a threshold below 0, an impossible density.
    """

    def __init__(
        self, in_channels: int, out_channels: int, threshold: float = 0.7, density: float | None = None
    ) -> None:
        super().__init__(in_channels, out_channels)
        if threshold < 0:
            raise UserError(f"pointwise.threshold={threshold}: at least 0")
        if density is not None and not 0 < density <= 1:
            raise UserError(f"pointwise.density={density}: choose a share above 0 and up to 1")
        self.threshold, self.density = threshold, density
        latent = torch.empty(out_channels, in_channels).uniform_(-1, 1)
        self.latent = nn.Parameter(latent)
        size = self.ternary().detach().square().mean().sqrt().clamp(min=1e-6)
        self.latent.data *= spread(in_channels, out_channels) / size

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return a layer with `weight` as its latent weights, and how far rounding moved it."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        layer.latent.data.copy_(weight)
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return threshold and density."""
        return {"threshold": self.threshold, "density": self.density}

    def ternary(self) -> Tensor:
        """Return the rounded matrix ``(out, in)``, without a gradient."""
        latent = self.latent.detach()
        size, kept = latent.abs(), self.kept()
        count = kept.sum(1, keepdim=True).clamp(min=1)
        scale = (size * kept).sum(1, keepdim=True, dtype=torch.float64) / count  # exact where all are alike
        return latent.sign() * kept * scale.to(latent.dtype)

    def kept(self) -> Tensor:
        """Return which entries are not zero ``(out, in)``."""
        size = self.latent.detach().abs()
        if self.density is None:
            limit = self.threshold * size.mean(1, keepdim=True, dtype=torch.float64)
            return (size > limit.to(size.dtype)) & (size > 0)
        count = max(1, round(self.density * size.numel()))
        kept = torch.zeros(size.numel(), dtype=torch.bool, device=size.device)
        kept[size.flatten().topk(count).indices] = True
        return kept.view_as(size) & (size > 0)

    def weight(self) -> Tensor:
        """Return the rounded matrix ``(out, in)``; its gradient is that of the latent weights."""
        return self.ternary() + (self.latent - self.latent.detach())

    def pack(self) -> dict[str, Tensor]:
        """Return two bits an entry and a scale an output."""
        ternary = self.ternary()
        return {
            "present": packed_bits(ternary != 0),
            "negative": packed_bits(ternary < 0),
            "scale": ternary.abs().amax(1),
        }

    def unpack(self, packed: dict[str, Tensor]) -> None:
        """Take over a packed matrix; it becomes the latent weights, which round to themselves."""
        shape = (self.out_channels, self.in_channels)
        present, negative = (unpacked_bits(packed[name], shape) for name in ("present", "negative"))
        self.latent.data.copy_((present.float() - 2 * negative.float()) * packed["scale"][:, None])

    def cost(self) -> Cost:
        """All latent weights are trained; a package holds two bits an entry, and a scale an output."""
        count = self.latent.numel()
        bits = 2 * 8 * -(-count // 8) + FLOAT_BITS * self.out_channels
        return Cost(count, count, bits, self.out_channels, int(self.kept().sum()))
