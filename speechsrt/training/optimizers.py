"""PyTorch's own optimizers under names that a configuration may use."""

from collections.abc import Iterable
from typing import Any

import torch


class Sgd(torch.optim.SGD):
    """Stochastic gradient descent with momentum (PyTorch's)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.1,
        momentum: float = 0.9,
        weight_decay: float = 0.001,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)


class AdamW(torch.optim.AdamW):
    """Adam with decoupled weight decay (PyTorch's; Loshchilov & Hutter 2019)."""

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 0.001,
        betas: list[float] | tuple[float, float] = (0.9, 0.999),
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(params, lr=lr, betas=(betas[0], betas[1]), weight_decay=weight_decay)
