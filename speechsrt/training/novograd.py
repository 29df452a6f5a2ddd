"""NovoGrad (Ginsburg et al. 2019, arXiv 1905.11286, algorithm 1): gradients normalised tensor by tensor.

For every tensor, with its gradient g:  v = |g|^2 at first, then ``v = b2 v + (1 - b2) |g|^2``;
``u = g / (sqrt(v) + eps) + wd p``; ``m = b1 m + u``; ``p = p - lr m``.
"""

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor
from torch.optim import Optimizer

from speechsrt.errors import UserError

_torch: Any = torch  # its foreach functions are not among the names a type checker knows


class NovoGrad(Optimizer):
    """Adam's idea with one second moment a tensor.

    Args:
        params: tensors, or groups of them.
        lr: learning rate.
        betas: decay of the first and of the second moment.
        weight_decay: wd, on every tensor.
        eps: added to the root of the second moment.

    Raises:
        UserError: a number out of its range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.05,
        betas: list[float] | tuple[float, float] = (0.95, 0.5),
        weight_decay: float = 0.001,
        eps: float = 1e-8,
    ) -> None:
        if lr < 0 or weight_decay < 0 or eps < 0:
            raise UserError(f"optim: lr={lr}, weight_decay={weight_decay} and eps={eps} must be at least 0")
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise UserError(f"optim.betas={list(betas)}: two numbers from 0 to below 1")
        super().__init__(params, {"lr": lr, "betas": tuple(betas), "weight_decay": weight_decay, "eps": eps})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Update all tensors that have a gradient; `closure` recomputes the loss first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            tensors = [p for p in group["params"] if p.grad is not None]
            if tensors:
                self._update(tensors, group)
        return loss

    def _update(self, tensors: list[Tensor], group: dict[str, Any]) -> None:
        first, second = group["betas"]
        gradients = [p.grad for p in tensors if p.grad is not None]
        squares = _torch._foreach_pow(_torch._foreach_norm(gradients), 2)
        for p, square in zip(tensors, squares, strict=True):
            if not self.state[p]:
                self.state[p] = {"momentum": torch.zeros_like(p), "square": square.clone()}
        momenta = [self.state[p]["momentum"] for p in tensors]
        moments = [self.state[p]["square"] for p in tensors]
        _torch._foreach_lerp_(moments, squares, 1 - second)
        roots = _torch._foreach_add(_torch._foreach_sqrt(moments), group["eps"])
        updates = _torch._foreach_div(gradients, roots)
        _torch._foreach_add_(updates, tensors, alpha=group["weight_decay"])
        _torch._foreach_mul_(momenta, first)
        _torch._foreach_add_(momenta, updates)
        _torch._foreach_add_(tensors, momenta, alpha=-group["lr"])
