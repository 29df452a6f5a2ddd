"""The package: one safetensors file whose header tells how to build the model its tensors belong to.

The header's ``speechsrt`` entry is JSON: format version, task, and the description of the model (front end,
network, words or vocabulary, and for every 1x1 its settled settings; for a ternary layer generator, version,
64-bit seed and density). The tensors are the trained weights and
batch normalisation's statistics; nothing that can be drawn or derived again. A kind that packs its weights (a
pruned or a ternary one) has its packed tensors there, under the names ``MODULE.packed.NAME``; such a file is
of format 2, and its ``packed`` tells which layer and shape each module is.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from speechsrt.decoding.spotting import Operating
from speechsrt.errors import UserError
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.model import TASKS, SpeechModel
from speechsrt.models.recogniser import Recogniser
from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.placement import Placed, Slot, settled

FORMAT = 2
"""The newest format; a file that packs nothing is of format 1."""
PACKED = ".packed."
MODELS: dict[str, Any] = {model.task: model for model in (KeywordModel, Recogniser)}


@dataclass(frozen=True)
class Stored:
    """What a file holds of a model: its task, its description, its tensors, and what is kept beside."""

    task: str
    description: dict[str, Any]
    tensors: dict[str, Tensor]
    about: dict[str, Any] = field(default_factory=dict)


def package_tensors(model: nn.Module, layers: Sequence[Placed]) -> dict[str, Tensor]:
    """Return what a package stores of a model: its state without batch counters, packed, on the CPU."""
    state = model.state_dict()
    for module, placed in packing(model, layers).items():
        state = {name: tensor for name, tensor in state.items() if not name.startswith(f"{module}.")}
        tensors = placed.layer.pack() or {}
        state |= {f"{module}{PACKED}{name}": tensor for name, tensor in tensors.items()}
    return {k: v.cpu().contiguous() for k, v in state.items() if not k.endswith("num_batches_tracked")}


def packing(model: nn.Module, layers: Sequence[Placed]) -> dict[str, Placed]:
    """Return the layers that pack their weights, by the names of their modules."""
    names = {module: name for name, module in model.named_modules()}
    return {names[p.layer]: p for p in layers if type(p.layer).pack is not Pointwise.pack}


def stored_bits(model: nn.Module, layers: Sequence[Placed]) -> int:
    """Return how many bits the tensors of the model's package take."""
    return 8 * sum(
        tensor.numel() * tensor.element_size() for tensor in package_tensors(model, layers).values()
    )


def save(model: SpeechModel, path: Path, about: dict[str, Any] | None = None) -> None:
    """Write a package; `about` is kept beside the description (scores, data, commit) as JSON."""
    packed = {
        module: {"layer": placed.slot.name, "shape": [placed.slot.out_channels, placed.slot.in_channels]}
        for module, placed in packing(model, model.placed).items()
    }
    header = {"format": FORMAT if packed else 1, "task": model.task, "model": model.describe()}
    beside = dict(about or {})
    if isinstance(model, KeywordModel) and model.operating is not None:
        beside["operating"] = asdict(model.operating)
    header |= {"about": beside} | ({"packed": packed} if packed else {})
    temporary = path.with_name(path.name + ".part")
    save_file(
        package_tensors(model, model.placed), temporary, {"speechsrt": json.dumps(header, ensure_ascii=False)}
    )
    os.replace(temporary, path)


def load(path: str | Path) -> KeywordModel | Recogniser:
    """Build the model of a run folder, a ``model.safetensors`` or a ``.ckpt``, in evaluation mode.

    Raises:
        UserError: there is no such file, it is no package or checkpoint of ours, or its format is newer.
    """
    stored = read(path)
    model = MODELS[stored.task](**stored.description)
    _fill(model, stored.tensors, path)
    if isinstance(model, KeywordModel) and "operating" in stored.about:
        model.operating = Operating(**stored.about["operating"])
    return model.eval()


def load_keywords(path: str | Path) -> KeywordModel:
    """Return `load`'s model where it is one for keywords. Raises UserError where it is not."""
    return _expected(load(path), KeywordModel, path)


def load_recogniser(path: str | Path) -> Recogniser:
    """Return `load`'s model where it is a recogniser. Raises UserError where it is not."""
    return _expected(load(path), Recogniser, path)


def read(path: str | Path) -> Stored:
    """Return what a run folder's package, a package or a checkpoint holds of a model."""
    file = find(path)
    if file.suffix == ".ckpt":
        return _read_checkpoint(file)
    try:
        with safe_open(file, "pt") as package:
            header = (package.metadata() or {}).get("speechsrt")
            tensors = {name: package.get_tensor(name) for name in list(package.keys())}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: not a readable safetensors file ({error})") from None
    if header is None:
        raise UserError(f"{file}: a safetensors file, but not one of ours (no speechsrt header)")
    task, description, packed, beside = _description(header, file)
    return Stored(task, description, _unpacked(tensors, packed, description["layers"], file), beside)


def about(path: str | Path) -> dict[str, Any]:
    """Return what a package keeps beside its model: scores, data, commit; nothing for a checkpoint."""
    return read(path).about


def find(path: str | Path) -> Path:
    """Return the file that a run folder, a package or a checkpoint's path means."""
    file = Path(path)
    if file.is_dir():
        candidates = [file / "model.safetensors", file / "checkpoints" / "best.ckpt"]
        found = [candidate for candidate in candidates if candidate.is_file()]
        if not found:
            raise UserError(f"{path}: a folder without model.safetensors; name a finished run's folder")
        return found[0]
    if not file.is_file():
        raise UserError(f"{path}: no such run folder, .ckpt or model.safetensors")
    return file


def _expected(model: SpeechModel, cls: Any, path: str | Path) -> Any:
    if not isinstance(model, cls):
        raise UserError(f"{path}: a model that {TASKS[model.task]}; name one that {TASKS[cls.task]}")
    return model


def _fill(model: SpeechModel, tensors: dict[str, Tensor], path: str | Path) -> None:
    """Copy tensors into a model; batch counters may be absent."""
    state = model.state_dict()
    wanted = {
        name: tensor.shape for name, tensor in state.items() if not name.endswith("num_batches_tracked")
    }
    given = {name: tensor.shape for name, tensor in tensors.items() if name in wanted or name not in state}
    for name in sorted(wanted | given):
        if wanted.get(name) != given.get(name):
            raise UserError(f"{path}: tensors do not fit the model described ({name})")
    model.load_state_dict(tensors, strict=False)


def _unpacked(
    tensors: dict[str, Tensor], packed: dict[str, Slot], layers: dict[str, Any], file: Path
) -> dict[str, Tensor]:
    """Return a package's tensors with the state of its packed layers in place of what was packed."""
    for module, slot in packed.items():
        prefix = f"{module}{PACKED}"
        own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
        tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
        layer = _filled(slot, layers, own)
        if layer is None:
            raise UserError(f"{file}: the packed weights of layer {slot.name} are damaged")
        tensors |= {f"{module}.{name}": tensor for name, tensor in layer.state_dict().items()}
    return tensors


def _filled(slot: Slot, layers: dict[str, Any], packed: dict[str, Tensor]) -> Pointwise | None:
    """Return the layer of a slot with what was packed of it; None where that does not fit."""
    try:
        layer = settled(slot, layers[slot.name]).layer
        layer.unpack(packed)
    except (KeyError, RuntimeError, IndexError):
        return None
    again = layer.pack() or {}  # a tensor of another shape may have been spread or cut in silence
    whole = {k: v.shape for k, v in packed.items()} == {k: v.shape for k, v in again.items()}
    return layer if whole else None


def _description(header: str, file: Path) -> tuple[str, dict[str, Any], dict[str, Slot], dict[str, Any]]:
    try:
        described = json.loads(header)
        version, description = int(described["format"]), described["model"]
        task, packed = described.get("task", KeywordModel.task), described.get("packed", {})
        beside = dict(described.get("about", {}))
    except (ValueError, TypeError, KeyError):
        raise _damaged(file) from None
    if version > FORMAT:
        raise UserError(f"{file}: package format {version}; this release reads up to {FORMAT}")
    if task not in MODELS:
        raise UserError(f"{file}: holds a model for {task}, which this release does not know")
    return task, description, _slots(packed, file), beside


def _slots(packed: Any, file: Path) -> dict[str, Slot]:
    """Return the slots of packed layers, by the names of their modules."""
    try:
        shapes = {
            module: (about_it["layer"], *about_it["shape"]) for module, about_it in dict(packed).items()
        }
        return {module: Slot(name, "", ins, outs) for module, (name, outs, ins) in shapes.items()}
    except (ValueError, TypeError, KeyError):
        raise _damaged(file) from None


def _damaged(file: Path) -> UserError:
    return UserError(f"{file}: its speechsrt header is damaged; export or train the model again")


def _read_checkpoint(file: Path) -> Stored:
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        kept, state = checkpoint["speechsrt"], checkpoint["state_dict"]
        task, description = kept.get("task", KeywordModel.task), kept["model"]
    except Exception as error:
        raise UserError(f"{file}: not a checkpoint of speechsrt ({type(error).__name__})") from None
    prefix = "model."
    tensors = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    return Stored(task, description, tensors)
