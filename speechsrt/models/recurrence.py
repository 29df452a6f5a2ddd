"""A GRU's recurrence over all frames, and its gradient by a road of our own on processors.

There PyTorch's kernel is fast forward, but its gradient is a graph of a dozen operations a frame, and each
frame adds a product to the gradient of the recurrent matrix. Here the states alone are kept. From them all
gates are computed again at once; a loop backwards finds the gradient at every state in three operations a
frame; the gradients of the matrices are then one product each. On a GPU cuDNN does the like.
"""

from typing import Any

import torch
from torch import Tensor

from speechsrt.kernels import dense


def gru(x: Tensor, matrix: Tensor, recurrent: Tensor, bias: Tensor, recurrent_bias: Tensor) -> Tensor:
    """Return the states ``(B, T, H)`` after every frame of ``(B, T, C)``, from a state of zeros.

    Args:
        x: ``(B, T, C)``.
        matrix: ``(3H, C)``, the rows of reset, update and new gate, as all that follow.
        recurrent: ``(3H, H)``.
        bias: ``(3H,)``, added to the input's product.
        recurrent_bias: ``(3H,)``, added to the recurrent product.
    """
    weights = (matrix, recurrent, bias, recurrent_bias)
    if x.device.type != "cpu" or not torch.is_grad_enabled():
        return _kernel(x, *weights)
    return _Recurrence.apply(x, *weights)


def _kernel(x: Tensor, *weights: Tensor) -> Tensor:
    start = x.new_zeros(1, len(x), weights[1].shape[1])
    return torch.gru(x, start, weights, True, 1, 0.0, torch.is_grad_enabled(), False, True)[0]


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, *weights: Tensor) -> Tensor:
        states = _kernel(x, *weights)
        ctx.save_for_backward(x, *weights, states)
        return states

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # of forward's types, wherever it is called from
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        x, matrix, recurrent, bias, recurrent_bias, states = ctx.saved_tensors
        before = torch.cat([torch.zeros_like(states[:, :1]), states[:, :-1]], 1)
        fed, held = dense(x, matrix) + bias, dense(before, recurrent) + recurrent_bias
        r, z, n = _gates(fed, held)
        to_n = (1 - z) * (1 - n * n)  # d h' / d(argument of tanh), and so on below
        to_r = to_n * held.chunk(3, -1)[2] * r * (1 - r)
        to_z = (before - n) * z * (1 - z)
        at_state, at_held = _backwards(torch.stack([to_r, to_z, to_n * r, z], 2), grad_outputs[0], recurrent)
        at_fed = torch.cat([at_held[..., : 2 * n.shape[-1]], to_n * at_state], -1)
        wanted = ctx.needs_input_grad
        return (
            dense(at_fed, matrix.T.contiguous()) if wanted[0] else None,
            _rows(at_fed).T @ _rows(x) if wanted[1] else None,
            _rows(at_held).T @ _rows(before) if wanted[2] else None,
            at_fed.sum((0, 1)),
            at_held.sum((0, 1)),
        )


def _gates(fed: Tensor, held: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return reset, update and new gate of all frames, from both products ``(B, T, 3H)``."""
    (fed_r, fed_z, fed_n), (held_r, held_z, held_n) = fed.chunk(3, -1), held.chunk(3, -1)
    r = torch.sigmoid(fed_r + held_r)
    return r, torch.sigmoid(fed_z + held_z), torch.tanh(fed_n + r * held_n)


def _backwards(slopes: Tensor, direction: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss's gradient at every state ``(B, T, H)`` and recurrent product ``(B, T, 3H)``.

    Args:
        slopes: ``(B, T, 4, H)``: of a new state by the three recurrent products, and by the state before.
        direction: ``(B, T, H)``, the gradient at the states that comes from outside.
        recurrent: ``(3H, H)``.
    """
    batch, frames, width = direction.shape
    slopes, direction = slopes.transpose(0, 1).contiguous(), direction.transpose(0, 1)
    at_state, scaled = torch.empty_like(direction), torch.empty_like(slopes)
    flat = scaled.view(frames, batch, 4 * width)
    steps = zip(
        direction.unbind(),
        at_state.unbind(),
        at_state.unsqueeze(2).unbind(),
        slopes.unbind(),
        scaled.unbind(),
        flat[..., : 3 * width].unbind(),
        flat[..., 3 * width :].unbind(),
        strict=True,
    )
    carried = direction.new_zeros(batch, width)
    for outside, here, column, slope, product, held, kept in reversed(list(steps)):
        torch.add(carried, outside, out=here)
        torch.mul(slope, column, out=product)
        torch.addmm(kept, held, recurrent, out=carried)
    return at_state.transpose(0, 1), flat[..., : 3 * width].transpose(0, 1)


def _rows(x: Tensor) -> Tensor:
    return x.reshape(-1, x.shape[-1])
