"""Matrices with a fast product: circulant, skew-circulant, Walsh-Hadamard; and what the products cost.

``circulant(c)`` has ``c`` as its first column and moves it down by one, around, from column to column;
``skew_circulant(c)`` does so too, but changes the sign of what comes around. Both are diagonal in a Fourier
basis, the second after a twist by ``eta_k = exp(i pi k / n)``.
"""

import math
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor


def circulant(column: Tensor) -> Tensor:
    """Return the circulant matrices ``(..., n, n)`` of first columns ``(..., n)``."""
    return _wound(column[..., 1:], column)


def skew_circulant(column: Tensor) -> Tensor:
    """Return the skew-circulant matrices ``(..., n, n)`` of first columns ``(..., n)``."""
    return _wound(-column[..., 1:], column)


def _wound(above: Tensor, column: Tensor) -> Tensor:
    """Entry (i, j) is number i - j + n - 1 of both parts in a row: a Hankel matrix, turned around."""
    return torch.cat([above, column], -1).unfold(-1, column.shape[-1], 1).flip(-1)


def circulant_product(column: Tensor, x: Tensor) -> Tensor:
    """Return ``circulant(column) x`` for vectors ``(..., n)`` by the fast Fourier transform."""
    n = x.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(column) * torch.fft.rfft(x), n)


def skew_circulant_product(column: Tensor, x: Tensor) -> Tensor:
    """Return ``skew_circulant(column) x`` for vectors ``(..., n)`` by the fast Fourier transform."""
    twist = torch.exp(1j * math.pi / x.shape[-1] * torch.arange(x.shape[-1]).to(x))
    turned = torch.fft.ifft(torch.fft.fft(twist * column) * torch.fft.fft(twist * x))
    return (twist.conj() * turned).real


def flat_circulants(shape: tuple[int, int], skew: bool = False) -> Tensor:
    """Return first columns ``(count, n)`` of random orthogonal (skew-)circulant matrices.

    Their spectra have modulus one and random phases; the skew ones' come back from the twisted basis.
    """
    count, n = shape
    phases = torch.rand(count, n, dtype=torch.float64) * 2 * math.pi
    mirror = ((1 if skew else 0) - torch.arange(n)) % n
    odd = phases - phases[:, mirror]
    own = mirror == torch.arange(n)
    spectrum = torch.where(own, torch.cos(phases).sign() + 0j, torch.exp(1j * odd))
    column = torch.fft.ifft(spectrum)
    if skew:
        column = column * torch.exp(-1j * math.pi / n * torch.arange(n))
    return column.real.to(torch.get_default_dtype())


def hadamard(x: Tensor) -> Tensor:
    """Return ``H x`` for vectors ``(..., n)``, n a power of two, H the orthonormal Walsh-Hadamard matrix."""
    n, y = x.shape[-1], x
    half = 1
    while half < n:
        pairs = y.unflatten(-1, (n // (2 * half), 2, half))
        left, right = pairs.unbind(-2)
        y = torch.stack([left + right, left - right], -2).flatten(-3)
        half *= 2
    return y / n**0.5


@cache
def hadamard_matrix(n: int) -> Tensor:
    """Return H itself, ``(n, n)`` in double precision: ``(-1)^(bits that i and j share)`` over root n."""
    index = torch.arange(n)
    shared = index[:, None] & index
    bits = torch.stack([(shared >> bit) & 1 for bit in range(n.bit_length())])
    return (1 - 2 * (bits.sum(0) % 2)).double() / n**0.5


def power_of_two(n: int) -> int:
    """Return the smallest power of two that is not below n."""
    return 1 << (n - 1).bit_length()


def fourier_cost(n: int) -> tuple[int, int]:
    """Return multiplications and additions of a Fourier transform of n real numbers, mixed radix.

    A complex stage of radix p takes ``n (p - 1)`` complex products (half of them at p = 2) and as many sums;
    real numbers take half a complex transform. A complex product is 4 multiplications and 2 additions.
    """
    products = sums = 0.0
    for p in _factors(n):
        products += n * (p - 1) * (0.5 if p == 2 else 1.0)
        sums += n * (p - 1)
    return math.ceil(2 * products), math.ceil(products + sums)


def _factors(n: int) -> list[int]:
    found, p = [], 2
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p += 1
    return found


def pad_last(x: Tensor, width: int) -> Tensor:
    """Return ``(..., width)``: zeros behind the last axis."""
    return F.pad(x, (0, width - x.shape[-1]))
