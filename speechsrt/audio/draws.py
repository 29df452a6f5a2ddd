"""Random numbers by counter: what a clip is given depends on ``(seed, epoch, index)`` and on nothing else.

No generator has a state, so order, batch size, the number of workers and a restart in mid-epoch cannot change
a draw. The hash is the finaliser of MurmurHash3 (Appleby 2011) on 32-bit words held in 64-bit integers, which
gives the same bits on every device.
"""

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF


def uniform(seed: int, epoch: int, index: Tensor, stream: int, count: int) -> Tensor:
    """Return ``(B, count)`` numbers in [0, 1), float32, for the clips `index` (B,).

    Args:
        seed: the run's seed.
        epoch: counted from 0.
        index: the clips' numbers in the training set, int64.
        stream: what is drawn; each augmentation has a stream of its own.
        count: numbers a clip.
    """
    salt = (seed * 0x9E3779B1 + epoch * 0x85EBCA77 + stream * 0xC2B2AE3D) & _LOW
    key = _mix(_mix(index + 1) ^ salt)
    numbers = torch.arange(count, device=index.device) * 0x27D4EB2F & _LOW
    word = _mix(key[:, None] ^ _mix(numbers + 1)[None, :])
    return (word >> 8).float() * 2.0**-24


def between(draw: Tensor, low: float, high: float) -> Tensor:
    """Stretch draws in [0, 1) to [low, high)."""
    return low + draw * (high - low)


def whole(draw: Tensor, count: int | Tensor) -> Tensor:
    """Turn draws in [0, 1) into whole numbers 0, ..., count - 1, int64; a draw has 2^24 values, no more."""
    limit = count - 1
    return torch.minimum((draw * count).long(), torch.as_tensor(limit, device=draw.device))


def _mix(word: Tensor) -> Tensor:
    word = word & _LOW
    word = ((word ^ (word >> 16)) * 0x85EBCA6B) & _LOW
    word = ((word ^ (word >> 13)) * 0xC2B2AE35) & _LOW
    return word ^ (word >> 16)
