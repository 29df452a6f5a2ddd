"""Projections of a trained run, and what they are read by."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from speechsrt import config
from speechsrt.commands import compress
from speechsrt.errors import UserError
from speechsrt.export import package

LOW = ["pointwise=low_rank", "pointwise.rank=2"]


def compressed(checkpoint: Path, folder: Path, *typed: str) -> dict[str, Any]:
    return compress.run(config.load([f"checkpoint={checkpoint}", f"run_dir={folder}", *typed]))


def refusal(checkpoint: Path, folder: Path, *typed: str) -> str:
    with pytest.raises(UserError) as caught:
        compressed(checkpoint, folder, *typed)
    assert not folder.exists()
    return str(caught.value)


def rows_of(folder: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads((folder / "projection.json").read_text())}


def matrices(path: Path) -> dict[str, Tensor]:
    """The dense matrix of every 1x1 of a model."""
    return {p.slot.name: p.layer.weight().detach().double() for p in package.load(path).placed}


def blocks_of(path: Path) -> list[str]:
    return [p.slot.name for p in package.load(path).placed if p.slot.role == "block"]


def values_of(weight: Tensor) -> list[float]:
    return torch.linalg.svdvals(weight).tolist()
