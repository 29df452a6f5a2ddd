"""What the singular values of a matrix tell: how low its rank is, and where to cut it.

The measure of low rank is ``nu(W) = (|s|_1 / |s|_2 - 1) / (sqrt(d) - 1)`` over the d singular values s: 0 for
rank one, 1 where all are alike (Kliegl et al. 2017, arXiv 1710.09026, definition 1).
"""

import heapq
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from speechsrt.errors import UserError


@torch.no_grad()
def singular_values(weight: Tensor) -> Tensor:
    """Return the singular values of a matrix ``(out, in)``, the largest first, in double precision."""
    return torch.linalg.svdvals(weight.double())


def nu(values: Tensor) -> float:
    """Return nu of singular values ``(d,)``; 0 where d is 1 or all are zero."""
    size = float(torch.linalg.norm(values))
    if len(values) < 2 or size == 0:
        return 0.0
    return (float(values.sum()) / size - 1) / (len(values) ** 0.5 - 1)


def rank_for(values: Tensor, explained: float) -> int:
    """Return the smallest rank whose squared singular values are a share of all, at least 1."""
    shares = values.square().cumsum(0)
    if len(values) == 0 or float(shares[-1]) == 0:
        return 1
    enough = shares >= (explained - 1e-12) * shares[-1]
    return int(enough.to(torch.int8).argmax()) + 1


def ranks_within(
    budget: int, spectra: Mapping[str, Sequence[float]], prices: Mapping[str, int]
) -> dict[str, int]:
    """Return the ranks that leave the smallest squared error in all for a number of weights.

    One rank of a layer costs ``in + out`` weights and takes the square of its next singular value off the
    error; ranks are bought in the order of what they take off for a weight. Every layer has one at least.

    Args:
        budget: weights of all these layers together.
        spectra: singular values by layer, the largest first.
        prices: ``in + out`` by layer.

    Raises:
        UserError: not even one rank a layer fits.
    """
    least = sum(prices.values())
    left = budget - least
    if left < 0:
        raise UserError(f"weight_budget={budget}: rank one in each of {len(prices)} layers takes {least}")
    ranks = dict.fromkeys(spectra, 1)
    offers = [(-(values[1] ** 2) / prices[name], name) for name, values in spectra.items() if len(values) > 1]
    heapq.heapify(offers)
    while offers:
        _, name = heapq.heappop(offers)
        if prices[name] > left:
            continue
        left -= prices[name]
        ranks[name] += 1
        values = spectra[name]
        if ranks[name] < len(values):
            heapq.heappush(offers, (-(values[ranks[name]] ** 2) / prices[name], name))
    return ranks


def check_penalty(name: str, weight: float) -> float:
    """Return the weight of a term of the loss. Raises UserError where it is below 0."""
    if weight < 0:
        raise UserError(f"pointwise.{name}={weight}: at least 0")
    return weight
