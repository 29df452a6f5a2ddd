"""Small numbers in bytes: bit maps and ternary signs, as packages store them."""

import torch
from torch import Tensor


def packed_bits(present: Tensor) -> Tensor:
    """Return booleans of any shape as bytes ``(ceil(N / 8),)``, the first in the lowest bit."""
    flat = present.flatten().to(torch.uint8)
    rows = torch.nn.functional.pad(flat, (0, -len(flat) % 8)).view(-1, 8)
    return (rows << torch.arange(8, dtype=torch.uint8, device=rows.device)).sum(1, dtype=torch.uint8)


def unpacked_bits(packed: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the booleans of a shape out of their bytes."""
    bits = (packed[:, None] >> torch.arange(8, dtype=torch.uint8, device=packed.device)) & 1
    count = torch.Size(shape).numel()
    return bits.flatten()[:count].view(shape).bool()
