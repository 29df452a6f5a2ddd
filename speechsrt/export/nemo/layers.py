"""From NeMo's list of layers, ``encoder.jasper``, to the settings of QuartzNet or MatchboxNet.

The list can spell networks of many kinds. It is compared with what each of the two has at every place; the
widths, counts and (QuartzNet's) kernels that are free there are read from it.
"""

import math
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from speechsrt.errors import UserError
from speechsrt.export.nemo.section import Section

Node = dict[str, Any]

ENCODER = {
    "activation": "relu",
    "normalization_mode": "batch",
    "residual_mode": "add",
    "conv_mask": True,
    "frame_splicing": 1,
    "quantize": False,
}
LAYER = {
    "groups": 1,
    "heads": -1,
    "residual_mode": "add",
    "residual_dense": False,
    "se": False,
    "future_context": -1,
}
WITHOUT_EFFECT = {"stride_last", "se_reduction_ratio", "se_context_size", "se_interpolation_mode"}
"""In layers of which only one that is not repeated has a stride, and none squeezes and excites."""
LEAST = 4


@dataclass(frozen=True)
class Layer:
    """An entry of the list: `repeat` convolutions with normalisation, one after another."""

    filters: int
    repeat: int
    kernel: int
    stride: int
    dilation: int
    residual: bool
    separable: bool
    dropout: float


def read_layers(encoder: Section, channels: int) -> list[Layer]:
    """Return the layers of an encoder that gets features of so many channels.

    Raises:
        UserError: a setting that neither network has, or no list of layers.
    """
    encoder.hold(ENCODER, {"_target_", "feat_in", "jasper", "init_mode", "norm_groups"})
    if encoder.whole("feat_in") != channels:
        raise encoder.refused("feat_in", f"its front end gives {channels} channels")
    entries = encoder.values.get("jasper")
    if not isinstance(entries, list) or len(entries) < LEAST:
        raise UserError(f"{encoder.place}.jasper: expected a list of {LEAST} layers or more")
    return [_layer(Section(f"encoder.jasper[{number}]", entry)) for number, entry in enumerate(entries)]


def _layer(section: Section) -> Layer:
    read = {"filters", "repeat", "kernel", "kernel_size_factor", "stride", "dilation"}
    section.hold(LAYER, read | {"residual", "separable", "dropout"} | WITHOUT_EFFECT)
    kernel = max(1, int(section.whole("kernel") * section.number("kernel_size_factor", 1.0)))
    return Layer(
        filters=section.whole("filters"),
        repeat=section.whole("repeat"),
        kernel=kernel + 1 - kernel % 2,
        stride=section.whole("stride"),
        dilation=section.whole("dilation"),
        residual=section.flag("residual", True),
        separable=section.flag("separable", False),
        dropout=section.number("dropout", 0.0),
    )


def quartznet(layers: list[Layer]) -> Node:
    """Return QuartzNet's settings. Raises UserError naming what of a layer is not QuartzNet's."""
    first, *blocks, wide, last = layers
    ends = {"repeat": 1, "residual": False, "dropout": first.dropout}
    inner = {"repeat": blocks[0].repeat, "residual": True, "dropout": first.dropout}
    _check(
        "QuartzNet",
        layers,
        [
            ends | {"stride": 2, "dilation": 1, "separable": True},
            *[inner | {"stride": 1, "dilation": 1, "separable": True}] * len(blocks),
            ends | {"stride": 1, "dilation": 2, "separable": True},
            ends | {"stride": 1, "dilation": 1, "separable": False, "kernel": 1},
        ],
    )
    shapes, repeat = _grouped([(block.filters, block.kernel) for block in blocks])
    return {
        "_target_": "speechsrt.models.quartznet.QuartzNet",
        "channels": [filters for filters, _ in shapes],
        "kernels": [kernel for _, kernel in shapes],
        "repeat": repeat,
        "sub_blocks": blocks[0].repeat,
        "first": first.filters,
        "first_kernel": first.kernel,
        "wide": wide.filters,
        "wide_kernel": wide.kernel,
        "last": last.filters,
        "dropout": first.dropout,
    }


def _grouped(shapes: list[tuple[int, int]]) -> tuple[list[tuple[int, int]], int]:
    """Return shapes and a number: each of them so many times over gives `shapes`; the largest there is."""
    runs = [(shape, len(list(run))) for shape, run in groupby(shapes)]
    repeat = math.gcd(*(count for _, count in runs))
    return [shape for shape, count in runs for _ in range(count // repeat)], repeat


def matchboxnet(layers: list[Layer]) -> Node:
    """Return MatchboxNet's settings. Raises UserError naming what of a layer is not MatchboxNet's."""
    first, *blocks, _, _ = layers
    every = {"stride": 1, "dropout": first.dropout}
    ends = every | {"filters": first.filters, "repeat": 1, "residual": False}
    inner = every | {"filters": blocks[0].filters, "repeat": blocks[0].repeat, "residual": True}
    _check(
        "MatchboxNet",
        layers,
        [
            ends | {"kernel": 11, "dilation": 1, "separable": True},
            *(
                inner | {"kernel": 13 + 2 * number, "dilation": 1, "separable": True}
                for number in range(len(blocks))
            ),
            ends | {"kernel": 29, "dilation": 2, "separable": True},
            ends | {"kernel": 1, "dilation": 1, "separable": False},
        ],
    )
    return {
        "_target_": "speechsrt.models.matchboxnet.MatchboxNet",
        "blocks": len(blocks),
        "sub_blocks": blocks[0].repeat,
        "channels": blocks[0].filters,
        "wide": first.filters,
        "dropout": first.dropout,
    }


def _check(network: str, layers: list[Layer], wanted: list[Node]) -> None:
    """Raise a UserError for the first setting of a layer that is not what a network has there."""
    for number, (layer, settings) in enumerate(zip(layers, wanted, strict=True)):
        for key, value in settings.items():
            given = getattr(layer, key)
            if given != value:
                place = f"encoder.jasper[{number}].{key}={str(given).lower()}"
                raise UserError(f"{place}: {network} has {str(value).lower()} there")
