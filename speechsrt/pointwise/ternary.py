"""A constant 1x1 of -1, 0 and +1: never trained, never stored, drawn again from its seed where it is needed.

From Mordido, Van keirsbilck & Keller 2021 (arXiv 2103.17142): the pointwise half of a separable convolution
need not be learned; what is saved buys depth or width. `speechsrt.pointwise.generators` states the three
generators. Each output is divided by the square root of its number of non-zeros, so that activations keep
their scale; batch normalisation, which follows every such layer, takes that factor up.
"""

from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from speechsrt.errors import UserError
from speechsrt.pointwise.base import Cost, Pointwise, relative_error
from speechsrt.pointwise.generators import GENERATORS, VERSION


class Ternary(Pointwise):
    """A fixed sparse matrix; a checkpoint holds none of its numbers.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        density: share of non-zero entries, above 0 and up to 1, at least half an input for every output.
        generator: ``hash``, ``stratified`` or ``sobol``.
        seed: 64-bit seed of this very matrix.
        version: version of the generators; only the present one can be drawn.

    Raises:
        UserError: an impossible density, or another version.
    """

    matrix: Tensor
    signs: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        density: float = 0.3,
        generator: Literal["hash", "stratified", "sobol"] = "stratified",
        seed: int = 0,
        version: int = VERSION,
    ) -> None:
        super().__init__(in_channels, out_channels)
        if not 0 < density <= 1:
            raise UserError(f"pointwise.density={density}: choose a share above 0 and up to 1")
        if density * in_channels < 0.5:
            raise UserError(
                f"pointwise.density={density}: leaves the outputs of a {out_channels} x {in_channels} layer "
                f"without inputs; choose at least {1 / in_channels:.3g}"
            )
        if version != VERSION:
            raise UserError(f"ternary generator version {version}: this release draws version {VERSION}")
        self.density, self.generator, self.seed = density, generator, seed
        signs = torch.from_numpy(GENERATORS[generator](seed, out_channels, in_channels, density))
        counts = signs.abs().sum(1, keepdim=True, dtype=torch.float64).clamp(min=1)
        self.register_buffer("signs", signs, persistent=False)
        matrix = (signs / counts.sqrt()).to(torch.get_default_dtype())
        self.register_buffer("matrix", matrix, persistent=False)

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the drawn matrix (it cannot follow `weight`) and how far its best multiple stays away."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        drawn = layer.weight()
        size = drawn.square().sum().clamp(min=0.5)  # the number of outputs with inputs; perhaps none has any
        scale = (weight * drawn).sum() / size
        return layer, relative_error(weight, scale * drawn)

    def settings(self) -> dict[str, Any]:
        """Return all that the matrix is drawn from."""
        return {
            "density": self.density,
            "generator": self.generator,
            "seed": self.seed,
            "version": VERSION,
        }

    def weight(self) -> Tensor:
        """Return the scaled matrix ``(out, in)``, a constant."""
        return self.matrix

    def cost(self) -> Cost:
        """No weights, no bits, no multiplications: one addition for every non-zero."""
        additions = int(np.count_nonzero(self.signs.cpu().numpy()))
        return Cost(0, self.in_channels * self.out_channels, 0, 0, additions)
