"""NeMo's tensors under the names of ours.

In its state dict block b is ``encoder.encoder.{b}``. There ``mconv`` numbers the layers of all its units:
depthwise convolution (where separable), 1x1, normalisation, ReLU, dropout, and again; ``res.0`` is the
residual link, a 1x1 and its normalisation. Weights of convolutions are (out, in of a group, taps).
"""

from typing import Any

import torch
from torch import Tensor

from speechsrt.build import build
from speechsrt.errors import UserError
from speechsrt.export.nemo.archive import CONFIG, WEIGHTS
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.models.quartznet import QuartzNet
from speechsrt.models.separable import Block, Unit
from speechsrt.pointwise.learned import Learned

BEHIND_CONVOLUTIONS = 3
"""Layers of a unit: normalisation, ReLU, dropout."""
NORM = ("weight", "bias", "running_mean", "running_var")
COUNTERS = "num_batches_tracked"


def matched(description: dict[str, Any], state: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of NeMo's state dict under the names of the network described, in its shapes.

    Raises:
        UserError: a tensor is missing, has another shape, holds no numbers, or has no place in the network.
    """
    network = skeleton(description)
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    table = names(network)
    tensors = {ours: _tensor(state, theirs, shapes[ours]) for ours, theirs in table.items()}
    known = set(table.values())
    for name in map(str, state):
        if name.startswith(("encoder.", "decoder.")) and not name.endswith(COUNTERS) and name not in known:
            raise UserError(f"its {WEIGHTS} holds {name}, of which its {CONFIG} knows nothing")
    return tensors


def skeleton(description: dict[str, Any]) -> QuartzNet | MatchboxNet:
    """Return the network described, without memory for its weights."""
    vocabulary = description.get("vocabulary")
    classes = len(vocabulary["characters"]) + 1 if vocabulary else len(description["labels"])
    with torch.device("meta"):
        return build(
            description["network"],
            "model",
            make=lambda _name, _role, in_channels, out_channels: Learned(in_channels, out_channels),
            features=description["features"]["channels"],
            classes=classes,
        )


def names(network: QuartzNet | MatchboxNet) -> dict[str, str]:
    """Return NeMo's names of a network's tensors by ours."""
    table = {f"head.{name}": f"decoder.decoder_layers.0.{name}" for name in ("weight", "bias")}
    inner = [f"blocks.{number}" for number in range(len(network.blocks))]
    for number, ours in enumerate(["prologue", *inner, "epilogue", "last"]):
        block = network.get_submodule(ours)
        assert isinstance(block, Block)
        table |= _block_names(block, ours, f"encoder.encoder.{number}")
    return table


def _block_names(block: Block, ours: str, theirs: str) -> dict[str, str]:
    table: dict[str, str] = {}
    layer = 0
    for number, unit in enumerate(block.units):
        assert isinstance(unit, Unit)
        table |= _unit_names(unit, f"{ours}.units.{number}", f"{theirs}.mconv", layer)
        layer += len(_convolutions(unit)) + BEHIND_CONVOLUTIONS
    if block.skip is not None:
        table |= _unit_names(block.skip, f"{ours}.skip", f"{theirs}.res.0", 0)
    return table


def _unit_names(unit: Unit, ours: str, theirs: str, layer: int) -> dict[str, str]:
    """Return the names of a unit whose first layer has the number `layer`."""
    convolutions = _convolutions(unit)
    norm = layer + len(convolutions)
    table = {f"{ours}.{name}": f"{theirs}.{layer + n}.conv.weight" for n, name in enumerate(convolutions)}
    return table | {f"{ours}.norm.{name}": f"{theirs}.{norm}.{name}" for name in NORM}


def _convolutions(unit: Unit) -> list[str]:
    return ["pointwise.matrix"] if unit.depthwise is None else ["depthwise.weight", "pointwise.matrix"]


def _tensor(state: dict[str, Any], name: str, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor in single precision and in our shape, which lacks the one tap of a 1x1."""
    tensor = state.get(name)
    if not isinstance(tensor, Tensor):
        raise UserError(f"its {WEIGHTS} lacks {name}, which its {CONFIG} asks for")
    if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.is_meta:
        raise UserError(f"its {WEIGHTS} has no plain fractions in {name} ({tensor.dtype})")
    if tuple(tensor.shape) not in (shape, (*shape, 1)):
        given, asked = (" x ".join(map(str, sizes)) for sizes in (tensor.shape, shape))
        raise UserError(f"{name} is {given} in its {WEIGHTS}, {asked} by its {CONFIG}")
    return tensor.float().reshape(shape)
