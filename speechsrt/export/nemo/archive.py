"""The two files of a ``.nemo`` archive: ``model_config.yaml``, and ``model_weights.ckpt``, a state dict.

The archive is a tar file, compressed by gzip in releases before 1.7. It is read in memory: nothing is
unpacked to disk, links are not followed, and of a pickle only what makes tensors is done (``weights_only``).
"""

import io
import pickle
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import torch
import yaml

from speechsrt.errors import UserError

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
LARGEST = {CONFIG: 1 << 24, WEIGHTS: 1 << 31}
"""Bytes; what is larger belongs to no network of these kinds."""
GZIP = b"\x1f\x8b"


def opened(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return an archive's configuration and its state dict.

    The values of the state dict may be anything that ``weights_only`` allows; the names should be texts.

    Raises:
        UserError: the file is not there or no archive, or one of the two is missing or damaged.
    """
    contents = _unpacked(file)
    return _parsed(contents[CONFIG]), _loaded(contents[WEIGHTS])


def _unpacked(file: Path) -> dict[str, bytes]:
    try:
        with file.open("rb") as start:
            mode = "r:gz" if start.read(len(GZIP)) == GZIP else "r:"
        with tarfile.open(file, mode) as archive:
            return {name: _member(archive, name) for name in (CONFIG, WEIGHTS)}
    except FileNotFoundError:
        raise UserError("no such file; name a .nemo archive") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise UserError(f"not a .nemo archive, which is a tar file ({error})") from None


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = [member for member in archive if member.isfile() and PurePosixPath(member.name).parts == (name,)]
    if not found:
        raise UserError(f"holds no {name}; a .nemo archive has one")
    if found[-1].size > LARGEST[name]:
        raise UserError(f"its {name} has {found[-1].size:,} bytes; up to {LARGEST[name]:,} are read")
    content = archive.extractfile(found[-1])
    assert content is not None
    return content.read()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"its {CONFIG} is not YAML ({type(error).__name__})") from None
    if not isinstance(config, dict):
        raise UserError(f"its {CONFIG} holds no settings")
    return config["model"] if isinstance(config.get("model"), dict) else config


def _loaded(weights: bytes) -> dict[str, Any]:
    try:
        state = torch.load(io.BytesIO(weights), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        code = re.search(r"GLOBAL (\S+)", str(error))
        wanted = f"wants to call {code[1]}" if code else "is damaged, or wants more than tensors"
        raise UserError(f"its {WEIGHTS} {wanted}; nothing of it was run") from None
    except Exception as error:
        raise UserError(f"its {WEIGHTS} is not a file of PyTorch's ({type(error).__name__})") from None
    if not isinstance(state, dict):
        raise UserError(f"its {WEIGHTS} holds no state dict")
    return state
