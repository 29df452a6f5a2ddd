"""The device that a configuration means."""

from typing import Any

import torch

from speechsrt.errors import UserError


def device_of(config: dict[str, Any]) -> torch.device:
    """Return the device that the trainer's accelerator means.

    Raises:
        UserError: a GPU where there is none.
    """
    wanted = config["trainer"]["accelerator"]
    if wanted in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(f"trainer.accelerator={wanted}: this machine shows no GPU; use trainer=cpu")
    return torch.device("cuda" if wanted in ("gpu", "cuda", "auto") and torch.cuda.is_available() else "cpu")
