"""Toeplitz-like matrices by their displacement: out of their factors, and near to a given matrix.

By the displacement equation ``Z_1 M - M Z_-1 = 2 sum_i g_i (J h_i)^T`` (Z the shifts, J the reversal) an
entry follows from its neighbour up and left: ``M[i, j] = M[i-1, j-1] - 2 sum g[i] h[n-j]``, around the corner
``M[i, 0] = -M[i-1, n-1] + 2 sum g[i] h[0]``. So all of M costs ``r n^2``, where products of the squares
would take ``r n^3``.

A matrix near to a given W comes from factors of its displacement ``Z_1 W - W Z_-1``, which for a member has
rank r: a singular value decomposition of it gives h up to an invertible mixing that g takes up. g and h then
take turns in a linear least-squares problem each, solved by conjugate gradients. For a member with all its
rows the first turn ends at the member itself; of one that is cut to fewer too little of h may be known.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

SWEEPS, STEPS = 3, 150


def displaced(plain: Tensor, skew: Tensor, places: Tensor) -> Tensor:
    """Return ``sum_i Z_1(g_i) Z_-1(h_i)``, ``(..., n, n)``.

    Args:
        plain: g, ``(..., r, n)``.
        skew: h, ``(..., r, n)``.
        places: ``(n, n)``, `around` of n.
    """
    n = plain.shape[-1]
    hankel = torch.cat([plain, plain[..., :-1]], -1).unfold(-1, n, 1)  # (..., r, n, n): g[(i + k) mod n]
    backward = skew.roll(-1, -1).flip(-1)  # h[(n - k) mod n]
    steps = (hankel * backward[..., None, :]).sum(-3)  # along the diagonal that begins at (i, 0)
    sums = steps.cumsum(-1)
    walked = sums[..., -1:] + 2 * steps[..., :1] - 2 * sums
    return walked.gather(-2, places.expand_as(walked))


def around(n: int) -> Tensor:
    """Return ``(n, n)``: entry (i, j) holds ``(i - j) mod n``."""
    place = torch.arange(n)
    return (place[:, None] - place) % n


@torch.no_grad()
def nearest(rows: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return g and h, ``(rank, n)`` each, whose matrix comes near to first rows ``(m, n)``, m up to n."""
    target = rows.double()
    skew = _right_factors(target, rank)
    plain, places = torch.zeros_like(skew), around(target.shape[1]).to(target.device)

    def product(plain: Tensor, skew: Tensor) -> Tensor:
        return displaced(plain, skew, places)[: len(target)]

    last = float("inf")
    for _ in range(SWEEPS):
        plain = _solved(partial(product, skew=skew), target, plain)
        if (gap := float(torch.linalg.norm(target - product(plain, skew)))) > 0.999 * last:
            break
        last = gap
        if gap <= 1e-10 * float(torch.linalg.norm(target)):
            break
        skew = _solved(partial(product, plain), target, skew)
    of_g, of_h = (torch.linalg.norm(factor, dim=1, keepdim=True) for factor in (plain, skew))
    sizes = torch.where((of_g > 0) & (of_h > 0), (of_g / of_h).sqrt(), 1.0)  # shared between both
    return (plain / sizes).to(rows), (skew * sizes).to(rows)


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
    floor = max(1e-20 * float(size), 1e-30 * float(target.square().sum()))
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
