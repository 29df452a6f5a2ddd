"""A block of NeMo's convolutional encoder, as its configuration spells it."""

from typing import Any


def block(
    filters: int,
    kernel: int,
    repeat: int = 1,
    stride: int = 1,
    dilation: int = 1,
    residual: bool = False,
    separable: bool = True,
) -> dict[str, Any]:
    """Return the settings of `repeat` convolutions one after another."""
    return {
        "filters": filters,
        "repeat": repeat,
        "kernel": [kernel],
        "stride": [stride],
        "dilation": [dilation],
        "dropout": 0.0,
        "residual": residual,
        "separable": separable,
        "kernel_size_factor": 1.0,
    }
