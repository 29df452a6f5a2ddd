"""Learning rates by step, as factors of the optimizer's own rate.

``warm up / hold / polynomial`` is the schedule of MatchboxNet's recipe: with w warm-up and h hold steps out
of n, step t (from 0) has the rate ``lr (t + 1) / (w + 1)`` up to w, ``lr`` up to w + h, then
``(lr - min) (1 - (t - w - h) / (n - w - h))^power + min``.
"""

import math
from collections.abc import Callable

from speechsrt.errors import UserError

Factor = Callable[[int], float]


class WarmupHoldPoly:
    """Warm up, hold, decay.

    Args:
        warmup_ratio: share of all steps to warm up.
        hold_ratio: share of all steps to hold.
        power: of the decay.
        min_lr: the rate at the end, where it is below the optimizer's own.

    Raises:
        UserError: shares below 0 or above 1 together, a negative rate or power.
    """

    def __init__(
        self, warmup_ratio: float = 0.05, hold_ratio: float = 0.45, power: float = 2.0, min_lr: float = 0.001
    ) -> None:
        if warmup_ratio < 0 or hold_ratio < 0 or warmup_ratio + hold_ratio > 1:
            raise UserError(
                f"schedule: warmup_ratio={warmup_ratio} and hold_ratio={hold_ratio} must be shares "
                f"that add up to at most 1"
            )
        if power < 0 or min_lr < 0:
            raise UserError(f"schedule: power={power} and min_lr={min_lr} must be at least 0")
        self.warmup_ratio, self.hold_ratio, self.power, self.min_lr = warmup_ratio, hold_ratio, power, min_lr

    def factor(self, lr: float, total: int) -> Factor:
        """Return the function from a step to its share of `lr`, for a run of `total` steps."""
        warmup = int(self.warmup_ratio * total)
        held = warmup + int(self.hold_ratio * total)
        floor = _floor(self.min_lr, lr)

        def at(step: int) -> float:
            if step <= warmup and warmup > 0:
                return (step + 1) / (warmup + 1)
            if step < held:
                return 1.0
            left = max(0.0, 1 - (step - held) / max(1, total - held))
            return (1 - floor) * left**self.power + floor

        return at


class WarmupCosine:
    """Warm up over `warmup_steps`, then half a cosine down to `min_lr`.

    Raises:
        UserError: a number below 0.
    """

    def __init__(
        self, warmup_steps: int = 1000, min_lr: float = 0.0, warmup_ratio: float | None = None
    ) -> None:
        if warmup_steps < 0 or min_lr < 0:
            raise UserError(f"schedule: warmup_steps={warmup_steps} and min_lr={min_lr} must be at least 0")
        if warmup_ratio is not None and not 0 <= warmup_ratio <= 1:
            raise UserError(f"schedule.warmup_ratio={warmup_ratio}: choose a share of the run, from 0 to 1")
        self.warmup_steps, self.min_lr, self.warmup_ratio = warmup_steps, min_lr, warmup_ratio

    def factor(self, lr: float, total: int) -> Factor:
        """Return the function from a step to its share of `lr`, for a run of `total` steps."""
        floor = _floor(self.min_lr, lr)
        warmup = self.warmup_steps if self.warmup_ratio is None else int(self.warmup_ratio * total)

        def at(step: int) -> float:
            if step < warmup:
                return (step + 1) / (warmup + 1)
            done = min(1.0, (step - warmup) / max(1, total - warmup))
            return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

        return at


class Constant:
    """The optimizer's own rate throughout."""

    def factor(self, lr: float, total: int) -> Factor:
        """Return the function that is 1 at every step."""
        del lr, total
        return lambda step: 1.0


def _floor(min_lr: float, lr: float) -> float:
    """Return `min_lr` as a share of `lr`; a decay never ends above the rate it began with."""
    return min(1.0, min_lr / lr) if lr > 0 else 1.0
