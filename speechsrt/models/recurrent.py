"""A forward recurrent layer whose two matrices are interchangeable linear maps.

The gated recurrent unit of Cho et al. 2014 (arXiv 1406.1078) in the form of cuDNN and `torch.nn.GRU`, where
the reset gate acts behind the recurrent product. Input and recurrent matrices are grouped: the three gates'
lie one above the other, as Kliegl et al. 2017 (arXiv 1710.09026, section 3) factor them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from speechsrt.models.recurrence import gru
from speechsrt.models.separable import Norm
from speechsrt.pointwise.base import FLOAT_BITS, Cost
from speechsrt.pointwise.placement import Factory

GATES = 3  # reset, update, new: the order of the rows


class Gru(nn.Module):
    """Normalisation and a forward GRU: ``(B, T, C) -> (B, T, H)``, from a state of zeros.

    With x the normalised frame, h the state before it and ``*`` elementwise (W, U in thirds of H rows)::

        r = sigmoid(W_r x + b_r + U_r h + c_r)          h' = (1 - z) * n + z * h
        z = sigmoid(W_z x + b_z + U_z h + c_z)
        n = tanh(W_n x + b_n + r * (U_n h + c_n))

    Both matrices are taken dense, once a call, and given to one kernel (`speechsrt.models.recurrence`): every
    kind runs as fast as a learned one, and trains through its `weight`. The arithmetic that a kind tells is
    that of an engine which applies, say, the factors of a low rank in turn, frame by frame.

    Args:
        make: gives the matrices, ``NAME.input`` (3H, C) and ``NAME.recurrent`` (3H, H).
        name: prefix of their names.
        channels: C.
        hidden: H.
    """

    def __init__(self, make: Factory, name: str, channels: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.norm = Norm(channels)
        self.input: Any = make(f"{name}.input", "input", channels, GATES * hidden)
        self.recurrent: Any = make(f"{name}.recurrent", "recurrent", hidden, GATES * hidden)
        self.input_bias = nn.Parameter(torch.zeros(GATES * hidden))
        self.recurrent_bias = nn.Parameter(torch.zeros(GATES * hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Return the state after every frame."""
        x = self.norm(x)
        weights = (self.input.weight(), self.recurrent.weight(), self.input_bias, self.recurrent_bias)
        # Autocast leaves x in bfloat16 and the biases in float32; the kernel wants one of them.
        with torch.autocast(x.device.type, enabled=False):
            return gru(x, *(weight.to(x.dtype) for weight in weights))

    def cost(self) -> Cost:
        """Return what biases and gates cost, arithmetic for one frame; the matrices tell their own.

        A unit takes the six biases' additions and the sums of both products at its reset and update gate (2);
        ``n``: a multiplication by r and a sum (1); ``h' = n + z (h - n)`` would be two sums and one product,
        and is counted as written above: 1 - z, two products, a sum. Sigmoid and tanh are left out.
        """
        biases = 2 * GATES * self.hidden
        return Cost(biases, biases, FLOAT_BITS * biases, 3 * self.hidden, 11 * self.hidden)

    def extra_repr(self) -> str:
        """Return the width for printing."""
        return f"hidden={self.hidden}"
