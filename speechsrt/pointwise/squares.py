"""Kinds made of square structured matrices, brought to any shape: the first rows of one, or of a stack.

The structure is n x n with ``n = in``. Fewer outputs than inputs are the first rows of one such matrix; more
outputs are several below each other, the last one cut (Sindhwani, Sainath & Kumar 2015, section 3).
"""

from abc import abstractmethod

from torch import Tensor

from speechsrt.pointwise.base import Cost, Pointwise


class Squares(Pointwise):
    """A stack of structured squares ``(in, in)``, cut to the outputs."""

    @property
    def stack(self) -> int:
        """How many squares it takes."""
        return -(-self.out_channels // self.in_channels)

    @abstractmethod
    def squares(self) -> Tensor:
        """Return the squares ``(stack, in, in)``."""

    @abstractmethod
    def transformed(self, x: Tensor) -> Tensor:
        """Return all squares' products with ``(..., in)`` by the fast transform, ``(stack, ..., in)``."""

    def weight(self) -> Tensor:
        """Return the dense matrix ``(out, in)``."""
        return self.squares().flatten(0, 1)[: self.out_channels]

    def fast(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)`` by the fast transform, as a device without GEMM would."""
        return self.transformed(x).movedim(0, -2).flatten(-2)[..., : self.out_channels]

    def priced(self, weights: int, bits: int, fast: tuple[int, int]) -> Cost:
        """Return the cost: the fast transform's arithmetic, or the dense product's where that is less."""
        dense = self.in_channels * self.out_channels
        multiplications, additions = fast if sum(fast) < 2 * dense else (dense, dense)
        return Cost(weights, weights, bits, multiplications, additions)


def blocks_of(weight: Tensor) -> list[Tensor]:
    """Return a dense matrix ``(out, in)`` cut into stretches of at most `in` rows."""
    return list(weight.split(weight.shape[1]))
