"""The Toeplitz-like matrix near a given one: factors of its displacement, improved by least squares.

The displacement ``Z_1 W - W Z_-1`` of a member has rank r: a singular value decomposition of it gives h up to
an invertible mixing that g takes up. g and h then take turns in a linear least-squares problem each, solved
by conjugate gradients. For a member the first turn ends at the member itself.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from speechsrt.pointwise.transforms import circulant, skew_circulant

SWEEPS, STEPS = 3, 400


@torch.no_grad()
def nearest(rows: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return g and h, ``(rank, n)`` each, whose matrix comes near to first rows ``(m, n)``, m up to n."""
    target = rows.double()
    skew = _right_factors(target, rank)
    plain = torch.zeros_like(skew)
    last = float("inf")
    for _ in range(SWEEPS):
        plain = _solved(lambda g, h=skew: _product(g, h, len(target)), target, plain)
        if (gap := float(torch.linalg.norm(target - _product(plain, skew, len(target))))) > 0.999 * last:
            break
        last = gap
        if gap <= 1e-10 * float(torch.linalg.norm(target)):
            break
        skew = _solved(lambda h, g=plain: _product(g, h, len(target)), target, skew)
    sizes = (torch.linalg.norm(plain, dim=1) / torch.linalg.norm(skew, dim=1).clamp(min=1e-30)).sqrt()[
        :, None
    ]
    sizes = torch.where(sizes > 0, sizes, torch.ones_like(sizes))
    return (plain / sizes).to(rows), (skew * sizes).to(rows)


def _product(plain: Tensor, skew: Tensor, rows: int) -> Tensor:
    return (circulant(plain)[:, :rows] @ skew_circulant(skew)).sum(0)


def _right_factors(target: Tensor, rank: int) -> Tensor:
    """Return h ``(rank, n)`` out of the rows of the displacement that the given rows tell."""
    m, n = target.shape
    shifted = target.roll(-1, 1)
    shifted[:, -1] *= -1  # W Z_-1
    below = target.roll(1, 0) - shifted  # Z_1 W - W Z_-1; without the last row of W its first row is unknown
    known = below if m == n else below[1:]
    right = torch.linalg.svd(known, full_matrices=True)[2][:rank] if len(known) else torch.eye(n).to(target)
    return right[:rank].flip(1).contiguous()


def _solved(product: Callable[[Tensor], Tensor], target: Tensor, start: Tensor) -> Tensor:
    """Return the argument whose linear product comes nearest to a target: conjugate gradients (CGLS)."""

    def transposed(residual: Tensor) -> Tensor:
        with torch.enable_grad():
            at = start.detach().requires_grad_()
            return torch.autograd.grad(product(at), at, residual)[0]

    solution, residual = start.clone(), target - product(start)
    gradient = transposed(residual)
    direction, size = gradient, gradient.square().sum()
    floor = 1e-26 * target.square().sum() * start.shape[1]
    for _ in range(STEPS):
        if size <= floor:
            break
        image = product(direction)
        length = size / image.square().sum()
        solution, residual = solution + length * direction, residual - length * image
        gradient = transposed(residual)
        last, size = size, gradient.square().sum()
        direction = gradient + size / last * direction
    return solution
