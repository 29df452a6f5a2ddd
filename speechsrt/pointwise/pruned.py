"""A 1x1 that loses most of its weights while it is trained; what stays is stored sparse.

``W = mask * matrix``; weights go one way, out. With N weights, final sparsity s and the progress
``t = (step / steps - begin) / (end - begin)`` clamped to [0, 1], `method` says when and which:

``one_shot``  all at once at t = 1, the smallest by size.
``gradual``   every `every` steps the smallest, up to the sparsity ``s (1 - (1 - t)^3)`` (Zhu & Gupta 2017).
``l1``        ``l1 |W|_1`` is added to the loss until t = 1, then the smallest go at once.
``csp``       our interpretation of compressed-sensing pruning (Zhen et al. 2021, arXiv 2102.04932), of whose
              algorithm no more than the abstract was at hand. Until t = 1 the loss has the terms
              ``l1 |W|_1 + compression / sensing |A (W - S)^T|^2``, A fixed, random, of `sensing` * in rows;
              every `every` steps S becomes the sparse matrix recovered from ``y = A W^T`` at the sparsity of
              ``gradual``, by iterative hard thresholding (Blumensath & Davies 2009). At t = 1 W keeps the
              places of S.

A package holds a bit for every place and the weights that stayed.
"""

from typing import Any, ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from speechsrt.errors import UserError
from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise, relative_error, spread
from speechsrt.pointwise.packing import packed_bits, unpacked_bits
from speechsrt.pointwise.random_fixed import gaussian

RECOVERY_STEPS = 20


class Pruned(Pointwise):
    """A dense matrix under a mask that training thins out.

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        method: ``one_shot``, ``gradual``, ``l1`` or ``csp``.
        sparsity: share of zeros at the end, 0 to below 1.
        begin: share of all steps after which pruning begins.
        end: share of all steps after which it is done, above `begin`; the rest trains what stayed.
        every: steps between two updates of ``gradual`` and ``csp``.
        l1: weight of the sum of sizes in the loss, for ``l1`` and ``csp``.
        compression: weight of the compression error in the loss, for ``csp``.
        sensing: measurements of a row, as a share of its length, for ``csp``.
        seed: of the sensing matrix, for ``csp``.

    Raises:
        UserError: a number out of its range.
    """

    mask: Tensor
    recovered: Tensor
    sensor: Tensor
    passing: ClassVar[tuple[str, ...]] = (
        "method",
        "sparsity",
        "begin",
        "end",
        "every",
        "l1",
        "compression",
        "sensing",
        "seed",
    )

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        method: Literal["one_shot", "gradual", "l1", "csp"] = "gradual",
        sparsity: float = 0.9,
        begin: float = 0.1,
        end: float = 0.5,
        every: int = 20,
        l1: float = 1e-5,
        compression: float = 0.01,
        sensing: float = 0.5,
        seed: int = 0,
    ) -> None:
        super().__init__(in_channels, out_channels)
        _check(sparsity, begin, end, every, l1, compression, sensing)
        self.method, self.sparsity, self.begin, self.end, self.every = method, sparsity, begin, end, every
        self.l1, self.compression, self.sensing, self.seed = l1, compression, sensing, seed
        deviation = spread(in_channels, out_channels)
        self.matrix = nn.Parameter(deviation * 3**0.5 * (2 * torch.rand(out_channels, in_channels) - 1))
        self.register_buffer("mask", torch.ones(out_channels, in_channels, dtype=torch.bool))
        if method == "csp":
            self.register_buffer("recovered", torch.zeros(out_channels, in_channels))
            self.register_buffer("sensor", sensing_matrix(seed, in_channels, sensing), persistent=False)

    @classmethod
    def from_dense(cls, weight: Tensor, **settings: Any) -> tuple[Self, float]:
        """Return the layer that keeps the largest weights, as many as it is to have at the end."""
        layer = cls(weight.shape[1], weight.shape[0], **settings).to(weight)
        layer.matrix.data.copy_(weight)
        layer._thin(layer.matrix.detach(), layer.sparsity)
        return layer, relative_error(weight, layer.weight())

    def settings(self) -> dict[str, Any]:
        """Return how it is pruned."""
        return {name: getattr(self, name) for name in self.passing}

    def weight(self) -> Tensor:
        """Return what is left of the matrix ``(out, in)``."""
        return self.matrix * self.mask

    @property
    def settled(self) -> bool:
        """Whether as many weights have gone as are to go."""
        return int(self.mask.sum()) <= self.left(self.sparsity)

    def left(self, sparsity: float) -> int:
        """Return how many weights stay at a sparsity; at least one."""
        return max(1, round((1 - sparsity) * self.matrix.numel()))

    def penalty(self) -> Tensor:
        """Return what ``l1`` and ``csp`` add to the loss until the layer is settled."""
        if self.method not in ("l1", "csp") or self.settled:
            return torch.zeros(())
        loss = self.l1 * self.weight().abs().sum()
        if self.method == "csp" and bool(self.recovered.any()):
            unlike = (self.weight() - self.recovered) @ self.sensor.T
            loss = loss + self.compression * unlike.square().sum() / self.sensing
        return loss

    @torch.no_grad()
    def after_step(self, step: int, total: int) -> None:
        """Thin the mask where it is time, and keep zeros zero."""
        progress = min(1.0, max(0.0, (step / total - self.begin) / (self.end - self.begin)))
        if not self.settled:
            self._advance(progress, step)
        self.matrix.mul_(self.mask)

    def _advance(self, progress: float, step: int) -> None:
        gradually = self.method in ("gradual", "csp")
        if progress < 1 and not (gradually and progress > 0 and step % self.every == 0):
            return
        sparsity = self.sparsity * (1 - (1 - progress) ** 3) if gradually else self.sparsity
        if self.method == "csp":
            self.recovered.copy_(recovered(self.weight(), self.sensor, self.left(sparsity)))
            if progress < 1:
                return
            self._thin(self.recovered, sparsity)
        else:
            self._thin(self.matrix, sparsity)

    def _thin(self, judged: Tensor, sparsity: float) -> None:
        """Keep those of the present places that are largest in `judged`."""
        size = torch.where(self.mask, judged.abs(), -1.0)
        self.mask &= largest(size, self.left(sparsity))
        self.matrix.data.mul_(self.mask)

    def pack(self) -> dict[str, Tensor]:
        """Return a bit for every place and the weights that are left."""
        return {"present": packed_bits(self.mask), "values": self.matrix.detach()[self.mask]}

    def unpack(self, packed: dict[str, Tensor]) -> None:
        """Take over places and weights."""
        mask = unpacked_bits(packed["present"], (self.out_channels, self.in_channels))
        self.mask.copy_(mask)
        self.matrix.data.zero_()[mask] = packed["values"]

    def cost(self) -> Cost:
        """What is left is trained, multiplied and stored, beside a bit for every place."""
        count, places = int(self.mask.sum()), self.mask.numel()
        return Cost(count, places, 8 * -(-places // 8) + FLOAT_BITS * count, count, count)


def sensing_matrix(seed: int, length: int, share: float) -> Tensor:
    """Return orthonormal random rows ``(m, length)``, ``m = ceil(share length)``: QR of a Gaussian matrix."""
    measurements = max(1, min(length, -int(-share * length // 1)))
    rows = torch.linalg.qr(gaussian(seed, length, measurements))[0].T
    return rows.to(torch.get_default_dtype()).contiguous()


def recovered(weight: Tensor, sensor: Tensor, count: int) -> Tensor:
    """Return a matrix of `count` non-zeros recovered from measurements of a weight's rows ``(out, in)``.

    Iterative hard thresholding on ``y = A W^T``: S moves along the gradient of ``|y - A S^T|^2``, keeps its
    `count` largest entries, and so on. The rows of A are orthonormal, so that a step of 1 is safe.
    """
    measured = weight @ sensor.T
    sparse = torch.zeros_like(weight)
    for _ in range(RECOVERY_STEPS):
        moved = sparse + (measured - sparse @ sensor.T) @ sensor
        sparse = moved * largest(moved.abs(), count)
    return sparse


def largest(size: Tensor, count: int) -> Tensor:
    """Return a mask of the `count` largest entries."""
    mask = torch.zeros(size.numel(), dtype=torch.bool, device=size.device)
    mask[size.flatten().topk(count).indices] = True
    return mask.view_as(size)


def _check(
    sparsity: float, begin: float, end: float, every: int, l1: float, compression: float, sensing: float
) -> None:
    if not 0 <= sparsity < 1:
        raise UserError(f"pointwise.sparsity={sparsity}: choose a share from 0 to below 1")
    if not 0 <= begin < end <= 1:
        raise UserError(f"pointwise.begin={begin}, pointwise.end={end}: shares of the run, begin before end")
    if every < 1:
        raise UserError(f"pointwise.every={every}: at least 1 step")
    if l1 < 0 or compression < 0:
        raise UserError(f"pointwise.l1={l1}, pointwise.compression={compression}: at least 0")
    if not 0 < sensing <= 1:
        raise UserError(f"pointwise.sensing={sensing}: choose a share above 0 and up to 1")
