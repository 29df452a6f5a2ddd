"""What every kind of 1x1 layer is: a linear map on the last axis, with an honest price.

A 1x1 convolution over a sequence stored as ``(B, T, C)`` is ``y = x W^T``. A kind differs from another only
in how it comes by ``W`` and in what that costs; everything else in the project sees this class alone.

Trained kinds start with entries of the variance ``2 / (in + out)``, so that activations keep their scale.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

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
    dense product. Its constructor takes ``(in_channels, out_channels)`` and then its settings by keyword; a
    setting called ``seed`` is that of the very layer: `placement` makes it of the network's and the name.

    Attributes:
        passing: names of settings that only training sees: layers that differ in them alone are the same.
    """

    passing: ClassVar[tuple[str, ...]] = ()

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_channels, self.out_channels = in_channels, out_channels

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
        """Return what this kind adds to the loss; without a gradient, where it adds nothing, ever."""
        return torch.zeros(())

    def after_step(self, step: int, total: int) -> None:
        """Do what a kind does between optimizer steps; nothing by default.

        Args:
            step: optimizer steps done so far, at least 1.
            total: steps of the whole run.
        """

    @property
    def settled(self) -> bool:
        """Whether the layer is what its settings promise; one that is pruned in training is not at first."""
        return True

    def pack(self) -> dict[str, Tensor] | None:
        """Return what a package stores in place of the layer's state, None where it stores the state."""
        return None

    def unpack(self, packed: dict[str, Tensor]) -> None:
        """Take over what `pack` returned."""
        raise NotImplementedError(f"{type(self).__name__} packs nothing")

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


def spread(in_channels: int, out_channels: int) -> float:
    """Return the deviation of a weight that keeps the scale of activations (Glorot & Bengio 2010)."""
    return (2 / (in_channels + out_channels)) ** 0.5


@torch.no_grad()
def relative_error(weight: Tensor, approximation: Tensor) -> float:
    """Return ``|W - W'| / |W|`` in the Frobenius norm; zero where both are zero."""
    size = torch.linalg.norm(weight.double())
    gap = torch.linalg.norm(weight.double() - approximation.double())
    return float(gap / size) if size > 0 else float(gap)
