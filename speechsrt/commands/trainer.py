"""What runs a model: compilation, Lightning's trainer and its loggers."""

import logging
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from speechsrt.commands.device import device_of
from speechsrt.commands.screen import is_interactive
from speechsrt.errors import UserError

COMPILERS = ("c++", "g++", "clang++")
QUIET = (
    "does not have many workers",
    "isinstance\\(treespec, LeafSpec\\)",
    "smaller than the logging interval",
    "in eval mode at the start of training",  # a frozen encoder is
    "Grad strides do not match bucket view strides",
)
"""Warnings that tell the user of this toolkit nothing."""


def settle_compile(config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration with ``compile=auto`` settled, and what to say of it.

    ``auto`` compiles on a GPU where a C++ compiler is there: on processors the plain channels-last network is
    as fast as the compiled one (docs/training.md).

    Raises:
        UserError: ``compile=true`` without a C++ compiler.
    """
    compiler = os.environ.get("CXX") or next(filter(shutil.which, COMPILERS), None)
    if config["compile"] is True and compiler is None:
        raise UserError(
            f"compile=true: needs a C++ compiler ({', '.join(COMPILERS)}); install one or use compile=auto"
        )
    if config["compile"] != "auto":
        return config, []
    chosen = device_of(config).type == "cuda" and compiler is not None
    note = f"compile=auto: {'compiling the network' if chosen else 'not compiling'}"
    return config | {"compile": chosen}, [note]


def trainer_of(config: dict[str, Any], folder: Path, callbacks: Sequence[L.Callback]) -> L.Trainer:
    """Build Lightning's trainer.

    Raises:
        UserError: an argument that Lightning refuses, or that our training cannot do.
    """
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in QUIET:
        warnings.filterwarnings("ignore", message=f".*{message}.*")
    device_of(config)
    _check_possible(config["trainer"])
    bar = [RichProgressBar(leave=False)] if is_interactive() else []
    arguments: dict[str, Any] = {
        "default_root_dir": str(folder),
        "logger": _logger(config["logger"], folder),
        "callbacks": [*callbacks, *bar],
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": is_interactive(),
        "num_sanity_val_steps": 0,
    }
    try:
        return L.Trainer(**arguments | config["trainer"])
    except (ValueError, TypeError, RuntimeError, ImportError, MisconfigurationException) as error:
        raise UserError(f"trainer: {str(error).splitlines()[0]}") from None


def _check_possible(settings: dict[str, Any]) -> None:
    """Refuse what Lightning takes but a training here could not do."""
    impossible = {
        "accumulate_grad_batches": (lambda value: value < 1, "at least 1"),
        "limit_val_batches": (
            lambda value: value == 0,
            "validation chooses the best epoch; leave some of it",
        ),
        "logger": (lambda value: value not in (None, False), "choose by logger=csv, tensorboard or wandb"),
        "precision": (
            lambda value: str(value) in ("16-true", "bf16-true"),
            "front end and normalisation need 32 bits; write 16-mixed or bf16-mixed",
        ),
    }
    for name, (is_wrong, remedy) in impossible.items():
        if name in settings and is_wrong(settings[name]):
            raise UserError(f"trainer.{name}={settings[name]}: {remedy}")


def _logger(node: dict[str, Any], folder: Path) -> Any:
    kind = node.get("kind")
    if kind == "tensorboard":
        return TensorBoardLogger(folder, name="tensorboard", version="")
    if kind == "wandb":
        try:
            return WandbLogger(project=node["project"], save_dir=folder)
        except ModuleNotFoundError:
            raise UserError('logger=wandb: install it with pip install "speechsrt[wandb]"') from None
    return False
