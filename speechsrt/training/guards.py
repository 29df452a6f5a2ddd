"""What keeps a run honest: a loss that is not finite stops it before the optimizer moves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from speechsrt.errors import NonFiniteLossError


def check_finite(loss: Tensor, epoch: int, batch: int, index: Tensor, names: Sequence[str]) -> None:
    """Raise a NonFiniteLossError that names the batch where its loss is not a finite number."""
    if torch.isfinite(loss):
        return
    numbers: list[int] = (index % len(names)).tolist()
    clips = [names[number] for number in numbers]
    shown = ", ".join(clips[:5]) + (f" and {len(clips) - 5} more" if len(clips) > 5 else "")
    raise NonFiniteLossError(
        f"epoch {epoch}, batch {batch}: the loss is {loss.item()}; stopped before the optimizer step. "
        f"Its clips: {shown}. A lower optim.lr, or trainer.gradient_clip_val, may help"
    )
