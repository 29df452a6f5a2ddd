"""The ``.nemo`` files that NeMo wrote for the tests, and others like them with something changed."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
import yaml

GOLDEN = Path(__file__).parent / "golden"
QUARTZNET, MATCHBOXNET = GOLDEN / "nemo_quartznet.nemo", GOLDEN / "nemo_matchboxnet.nemo"
CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
ABSENT = object()
"""Instead of a value: the setting or the tensor is left out."""


def config_of(path: Path) -> dict[str, Any]:
    """Return an archive's configuration."""
    return yaml.safe_load(_member(path, CONFIG))


def state_of(path: Path) -> dict[str, Any]:
    """Return an archive's state dict."""
    return torch.load(io.BytesIO(_member(path, WEIGHTS)), weights_only=True)


def set_value(config: dict[str, Any], place: str, value: Any) -> dict[str, Any]:
    """Put a value at a place such as ``encoder.jasper.3.se``; return the configuration."""
    *parents, last = [int(key) if key.isdecimal() else key for key in place.split(".")]
    node: Any = config
    for key in parents:
        node = node[key]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return config


def changed(source: Path, folder: Path, settings: Mapping[str, Any] | None = None, **tensors: Any) -> Path:
    """Write an archive like `source`, settings changed by their places and tensors by their names."""
    config, state = config_of(source), state_of(source)
    for place, value in (settings or {}).items():
        set_value(config, place, value)
    for name, tensor in tensors.items():
        state[name] = tensor
    return packed(
        folder / source.name, config, {name: value for name, value in state.items() if value is not ABSENT}
    )


def packed(
    path: Path, config: Any, state: Any, mode: Literal["w:", "w:gz"] = "w:", prefix: str = "./"
) -> Path:
    """Write an archive of a configuration and a state dict, either also as bytes, or None to leave it out."""
    if not isinstance(config, bytes | None):
        config = yaml.safe_dump(config).encode()
    if not isinstance(state, bytes | None):
        buffer = io.BytesIO()
        torch.save(state, buffer)
        state = buffer.getvalue()
    with tarfile.open(path, mode) as archive:
        for name, content in ((CONFIG, config), (WEIGHTS, state)):
            if content is not None:
                add(archive, prefix + name, content)
    return path


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    """Add a file to an archive."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _member(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        content = archive.extractfile(f"./{name}")
        assert content is not None
        return content.read()
