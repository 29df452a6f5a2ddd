"""Adaptive Fastfood: ``W = S H G P H B``, three trained diagonals between Hadamard transforms, 3 n weights.

H is the orthonormal Walsh-Hadamard matrix, P a fixed permutation drawn from a seed, S, G, B are diagonal. Le,
Sarlos & Smola 2013; trained as in Yang et al. 2015 (Deep Fried Convnets, arXiv 1412.7149). Widths that are
no power of two are filled with zeros up to the next. G and B start as random signs, so that W begins
orthogonal but for its scale; the original draws G from a Gaussian, for kernels.
"""

from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error, spread
from speechsrt.pointwise.generators import words
from speechsrt.pointwise.transforms import hadamard, hadamard_matrix, pad_last, power_of_two

STARTS, SWEEPS = 3, 30


class Fastfood(Pointwise):
    """A stack of Fastfood transforms, cut to the outputs.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        seed: 64-bit seed of the permutations.
    """

    permutation: Tensor

    def __init__(self, in_channels: int, out_channels: int, seed: int = 0) -> None:
        super().__init__(in_channels, out_channels)
        self.seed, self.width = seed, power_of_two(in_channels)
        self.stack = -(-out_channels // self.width)
        keys = words(seed, np.arange(self.stack * self.width).reshape(self.stack, self.width))
        order = torch.from_numpy(np.argsort(keys, axis=1, kind="stable"))
        self.register_buffer("permutation", order, persistent=False)
        self.before = nn.Parameter(_signs(self.stack, in_channels))
        self.between = nn.Parameter(_signs(self.stack, self.width))
        scale = self.width**0.5 * spread(in_channels, out_channels)
        self.after = nn.Parameter(torch.full((out_channels,), scale))

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return a near layer: S, G and B take turns in least squares; no closed form is known."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        draws = torch.Generator().manual_seed(0)
        for number, block in enumerate(weight.detach().double().split(layer.width)):
            tries = [_fitted(block, layer.permutation[number], draws) for _ in range(STARTS)]
            _, (first, middle, last) = min(tries, key=lambda tried: tried[0])
            layer.before.data[number], layer.between.data[number] = first.to(weight), middle.to(weight)
            begin = number * layer.width
            layer.after.data[begin : begin + len(block)] = last.to(weight)
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return the seed of the permutations."""
        return {"seed": self.seed}

    def weight(self) -> Tensor:
        """Return the dense matrix ``(out, in)``: the transform of the unit vectors."""
        eye = torch.eye(self.in_channels, dtype=self.after.dtype, device=self.after.device)
        return self.fast(eye).T

    def fast(self, x: Tensor) -> Tensor:
        """Map ``(..., in)`` to ``(..., out)`` by Hadamard transforms."""
        mixed = hadamard(pad_last(x.unsqueeze(-2) * self.before, self.width))
        order = self.permutation.expand(mixed.shape)
        mixed = hadamard(mixed.gather(-1, order) * self.between)
        return mixed.flatten(-2)[..., : self.out_channels] * self.after

    def cost(self) -> Cost:
        """Two Hadamard transforms a square, additions only, and three diagonals."""
        count = self.before.numel() + self.between.numel() + self.after.numel()
        stages = self.width.bit_length() - 1
        additions = 2 * self.stack * self.width * stages
        dense = self.in_channels * self.out_channels
        work = (count, additions) if count + additions < 2 * dense else (dense, dense)
        return Cost(count, count, FLOAT_BITS * count, *work)


def _signs(*shape: int, draws: torch.Generator | None = None) -> Tensor:
    return torch.randint(0, 2, shape, generator=draws).to(torch.get_default_dtype()) * 2 - 1


def _fitted(
    block: Tensor, order: Tensor, draws: torch.Generator
) -> tuple[float, tuple[Tensor, Tensor, Tensor]]:
    """Return the error and B ``(in,)``, G ``(n,)``, S ``(m,)`` for a block ``(m, in)``, from random signs."""
    transform = hadamard_matrix(len(order)).to(block.device)
    left, right = transform[: len(block)], transform[order][:, : block.shape[1]]
    before, between = (_signs(n, draws=draws).to(block) for n in (block.shape[1], len(order)))
    after = torch.ones(len(block)).to(block)
    for _ in range(SWEEPS):
        a, c = after[:, None] * left, right * before
        normal = (a.T @ a) * (c @ c.T)
        moment = ((a.T @ block) * c).sum(1)
        ridge = 1e-12 * normal.diagonal().mean() + 1e-30
        between = torch.linalg.solve(normal + ridge * torch.eye(len(order)).to(normal), moment)
        core = (left * between) @ right
        after = _scales(block, core * before, 1)
        before = _scales(block, after[:, None] * core, 0)
    gap = torch.linalg.norm(block - (after[:, None] * left * between) @ (right * before))
    return float(gap), (before, between, after)


def _scales(target: Tensor, source: Tensor, axis: int) -> Tensor:
    """Return the factors of the rows (axis 1) or columns (axis 0) of a source that bring it to a target."""
    return (target * source).sum(axis) / source.square().sum(axis).clamp(min=1e-30)
