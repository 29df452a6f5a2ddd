"""Reading NVIDIA NeMo's ``.nemo`` archives of QuartzNet and MatchboxNet.

An archive is a tar file, compressed by gzip in older releases, of ``model_config.yaml`` and
``model_weights.ckpt``, a state dict. It is read in memory: nothing is unpacked to disk, no code of a pickle runs
(``weights_only``), and no class that the configuration names is built but ours.

In NeMo's layout block b has ``encoder.encoder.{b}.mconv``, a list of depthwise convolution, 1x1, normalisation,
ReLU and dropout again and again (without the first where it is not separable), and ``.res.0``, the residual's 1x1
and normalisation. Weights of convolutions are (out, in / groups, taps).
"""

import io
import pickle
import re
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from speechsrt.build import build
from speechsrt.errors import UserError
from speechsrt.export.nemo_settings import Rounding, describe
from speechsrt.export.package import MODELS
from speechsrt.models.matchboxnet import MatchboxNet
from speechsrt.models.model import SpeechModel
from speechsrt.models.quartznet import QuartzNet
from speechsrt.models.separable import Block
from speechsrt.pointwise.learned import Learned

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
LARGEST = {CONFIG: 1 << 24, WEIGHTS: 1 << 31}
"""Bytes; a file in an archive that is larger belongs to no network of these kinds."""
GZIP = b"\x1f\x8b"
NORM = ("weight", "bias", "running_mean", "running_var")
REST_OF_UNIT = 3
"""Normalisation, ReLU and dropout follow a unit's convolutions."""


@dataclass(frozen=True)
class Imported:
    """A model out of an archive, and NeMo's class and release that it names (empty where it does not)."""

    model: SpeechModel
    target: str
    release: str


def read(path: str | Path, rounding: Rounding | None = None) -> Imported:
    """Return the model of an archive, in evaluation mode.

    Args:
        path: the ``.nemo`` file.
        rounding: how QuartzNet's front end counts frames (`speechsrt.audio.normalised.NormalisedMel`); as NeMo
            2.5 and later do where left out.

    Raises:
        UserError: it is no such archive, not of one of the two networks, or holds what ours cannot represent.
    """
    file = Path(path)
    contents = unpacked(file)
    try:
        config = _parsed(contents[CONFIG])
        task, description = describe(config, rounding)
        state = matched(description, _loaded(contents[WEIGHTS]))
        model: SpeechModel = MODELS[task](**description)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    model.network.load_state_dict(state, strict=False)
    return Imported(model.eval(), str(config.get("target", "")), str(config.get("nemo_version", "")))


def unpacked(file: Path) -> dict[str, bytes]:
    """Return the bytes of the two files in an archive.

    Raises:
        UserError: the file is not there, is no archive, or lacks one of the two.
    """
    try:
        with file.open("rb") as start:
            mode = "r:gz" if start.read(len(GZIP)) == GZIP else "r:"
        with tarfile.open(file, mode) as archive:
            return {name: _member(archive, name, file) for name in (CONFIG, WEIGHTS)}
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; name a .nemo archive") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file}: not a .nemo archive, which is a tar file ({error})") from None


def _member(archive: tarfile.TarFile, name: str, file: Path) -> bytes:
    found = [member for member in archive if member.isfile() and PurePosixPath(member.name).parts == (name,)]
    if not found:
        raise UserError(f"{file}: holds no {name}; a .nemo archive has one")
    if found[-1].size > LARGEST[name]:
        raise UserError(f"{file}: {name} has {found[-1].size:,} bytes; {LARGEST[name]:,} are read at most")
    content = archive.extractfile(found[-1])
    assert content is not None
    return content.read()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{CONFIG} is not YAML ({type(error).__name__})") from None
    if not isinstance(config, dict):
        raise UserError(f"{CONFIG} holds no settings")
    return config


def _loaded(weights: bytes) -> dict[str, Any]:
    """Return a state dict, whose values may still be anything that `torch.load` allows in data."""
    try:
        state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        wanted = code[1] if code else "something"
        raise UserError(
            f"{WEIGHTS} asks for {wanted}, which is not plain tensors; nothing of it ran"
        ) from None
    except Exception as error:
        raise UserError(f"{WEIGHTS} is not a file of PyTorch's ({type(error).__name__})") from None
    if not isinstance(state, dict):
        raise UserError(f"{WEIGHTS} holds no state dict")
    return state


def matched(description: dict[str, Any], state: dict[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of NeMo's state dict under our network's names, in its shapes.

    Raises:
        UserError: a tensor is missing, has another shape, is no tensor of numbers, or has no place in the network.
    """
    network = skeleton(description)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    table = names(network)
    tensors = {ours: _tensor(state, theirs, wanted[ours]) for ours, theirs in table.items()}
    for name in state:
        ours = str(name).startswith(("encoder.", "decoder.")) and not str(name).endswith(
            "num_batches_tracked"
        )
        if ours and name not in table.values():
            raise UserError(f"{WEIGHTS}: {name} has no place in the network that {CONFIG} describes")
    return tensors


def skeleton(description: dict[str, Any]) -> QuartzNet | MatchboxNet:
    """Return a description's network without memory for its weights (on the meta device)."""
    vocabulary = description.get("vocabulary")
    classes = len(vocabulary["characters"]) + 1 if vocabulary else len(description["labels"])

    def make(_name: str, _role: str, in_channels: int, out_channels: int) -> Learned:
        return Learned(in_channels, out_channels)

    with torch.device("meta"):
        channels = description["features"]["channels"]
        return build(description["network"], "model", make=make, features=channels, classes=classes)


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
    for number, unit in enumerate(block.units):
        stride = (1 if unit.depthwise is None else 2) + REST_OF_UNIT
        table |= _unit_names(unit, f"{ours}.units.{number}", f"{theirs}.mconv", number * stride)
    if block.skip is not None:
        table |= _unit_names(block.skip, f"{ours}.skip", f"{theirs}.res.0", 0)
    return table


def _unit_names(unit: nn.Module, ours: str, theirs: str, first: int) -> dict[str, str]:
    """Return the names of a unit whose layers are numbered from `first`."""
    convolutions = [] if unit.depthwise is None else ["depthwise.weight"]
    convolutions.append("pointwise.matrix")
    table = {f"{ours}.{name}": f"{theirs}.{first + n}.conv.weight" for n, name in enumerate(convolutions)}
    norm = first + len(convolutions)
    return table | {f"{ours}.norm.{name}": f"{theirs}.{norm}.{name}" for name in NORM}


def _tensor(state: dict[str, Any], name: str, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor in single precision and a shape of ours, which lacks the one tap of a 1x1."""
    tensor = state.get(name)
    if not isinstance(tensor, Tensor):
        raise UserError(f"{WEIGHTS} holds no tensor {name}, which {CONFIG} asks for")
    if not tensor.is_floating_point() or tensor.layout != torch.strided or tensor.device.type != "cpu":
        raise UserError(f"{WEIGHTS}: {name} holds no plain numbers ({tensor.dtype}, {tensor.layout})")
    if tuple(tensor.shape) not in (shape, (*shape, 1)):
        given, asked = (" x ".join(map(str, sizes)) for sizes in (tensor.shape, shape))
        raise UserError(f"{WEIGHTS}: {name} is {given}, but {CONFIG} asks for {asked}")
    return tensor.float().reshape(shape)
