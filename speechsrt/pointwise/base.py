"""What every kind of 1x1 layer is: a linear map on the last axis, with an honest price.

A 1x1 convolution over a sequence stored as ``(B, T, C)`` is ``y = x W^T``. A kind differs from another only
in how it comes by ``W`` and in what that costs; everything else in the project sees this class alone.
"""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor, nn

from speechsrt.kernels import dense

FLOAT_BITS = 32


@dataclass(frozen=True)
class Cost:
    """What a layer costs: weights an optimizer sees, bits in a file, arithmetic for one frame.

    Additions are counted as accumulations: a sum of n terms is n additions.
    """

    trained_weights: int = 0
    total_weights: int = 0
    stored_bits: int = 0
    multiplications: int = 0
    additions: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class Pointwise(nn.Module):
    """A linear map without bias on the last axis: ``(..., in_channels) -> (..., out_channels)``.

    A kind defines `weight`, `cost` and `from_dense`, and overrides `forward` where that is cheaper than the
    dense product. Its constructor takes ``(in_channels, out_channels)`` and then its settings by keyword.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels

    @classmethod
    def create(cls, in_channels: int, out_channels: int, name: str, settings: dict[str, Any]) -> Self:
        """Build the layer called `name`; a kind whose weights depend on the name overrides this."""
        del name
        return cls(in_channels, out_channels, **settings)

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the member of this kind nearest to `weight` (out, in) and ``|W - W'| / |W|`` (Frobenius)."""
        raise NotImplementedError(f"{cls.__name__} has no projection")

    def weight(self) -> Tensor:
        """Return the dense matrix ``(out, in)`` this layer stands for."""
        raise NotImplementedError

    def cost(self) -> Cost:
        """Return what the layer costs, arithmetic for one frame."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """Return the constructor's keyword arguments, as plain values that rebuild this very layer."""
        return {}

    def penalty(self) -> Tensor:
        """Return what this kind adds to the loss; nothing by default."""
        return torch.zeros(())

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(..., in_channels)`` to ``(..., out_channels)``."""
        return dense(x, self.weight())

    @property
    def kind(self) -> str:
        """The name of the kind: its file here, its YAML in ``conf/pointwise``."""
        return type(self).__module__.rpartition(".")[2]

    def extra_repr(self) -> str:
        """Return the shape and settings for printing."""
        rest = "".join(f", {name}={value}" for name, value in self.settings().items())
        return f"{self.in_channels}, {self.out_channels}{rest}"


@torch.no_grad()
def relative_error(weight: Tensor, approximation: Tensor) -> float:
    """Return ``|W - W'| / |W|`` in the Frobenius norm; zero where both are zero."""
    size = torch.linalg.norm(weight.double())
    gap = torch.linalg.norm(weight.double() - approximation.double())
    return float(gap / size) if size > 0 else float(gap)
