"""The beginning of a run: a new folder or one to go on with, the device, compilation, Lightning's trainer."""

import logging
import shutil
import warnings
from pathlib import Path
from typing import Any

import lightning as L
import torch
from omegaconf import OmegaConf

from speechsrt.commands.common import console, is_interactive, new_run_dir
from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically

RUN_KEYS = ("run_dir", "resume", "typed")


def begin(config: dict[str, Any]) -> tuple[dict[str, Any], Path, Path | None]:
    """Return the run's configuration, its folder, and the checkpoint to go on from (None: a new run).

    A resumed run keeps its own configuration; what was typed beside ``resume=`` is changed in it.

    Raises:
        UserError: nothing to resume, or a new run in a folder that holds one.
    """
    if config["resume"] is False or config["resume"] is None:
        folder = new_run_dir(config)
        return config | {"compile": compiles(config)}, folder, None
    folder, checkpoint = _resumed(config)
    stored = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    assert isinstance(stored, dict)
    kept = {str(key): value for key, value in stored.items()}
    return _changed(kept, config), folder, checkpoint


def write_config(config: dict[str, Any], folder: Path) -> str:
    """Write ``config.yaml``, resolved, into a run's folder and return its text."""
    kept = {key: value for key, value in config.items() if key not in RUN_KEYS}
    text = OmegaConf.to_yaml(OmegaConf.create(kept))
    write_atomically(folder / "config.yaml", text.encode())
    return text


def device_of(config: dict[str, Any]) -> torch.device:
    """Return the device that the trainer's accelerator means."""
    wanted = config["trainer"]["accelerator"]
    if wanted in ("gpu", "cuda") and not torch.cuda.is_available():
        raise UserError(f"trainer.accelerator={wanted}: this machine shows no GPU; use trainer=cpu")
    return torch.device("cuda" if wanted in ("gpu", "cuda", "auto") and torch.cuda.is_available() else "cpu")


def compiles(config: dict[str, Any]) -> bool:
    """Settle ``compile=``: ``auto`` compiles on a GPU where a C++ compiler is there.

    On processors the plain channels-last network is as fast as the compiled one (docs/training.md).
    """
    if config["compile"] != "auto":
        return bool(config["compile"])
    chosen = device_of(config).type == "cuda" and shutil.which("c++") is not None
    console.print(f"compile=auto: {'compiling the network' if chosen else 'not compiling'}")
    return chosen


def trainer_of(config: dict[str, Any], folder: Path, callbacks: list[L.Callback]) -> L.Trainer:
    """Build Lightning's trainer.

    Raises:
        UserError: an argument's value that Lightning refuses.
    """
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
    arguments: dict[str, Any] = {
        "default_root_dir": str(folder),
        "logger": _logger(config["logger"], folder),
        "callbacks": callbacks + _bar(),
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": is_interactive(),
        "num_sanity_val_steps": 0,
    }
    device_of(config)
    try:
        return L.Trainer(**arguments | config["trainer"])
    except (ValueError, TypeError, L.fabric.utilities.exceptions.MisconfigurationException) as error:
        raise UserError(f"trainer: {str(error).splitlines()[0]}") from None


def _bar() -> list[L.Callback]:
    return [L.pytorch.callbacks.RichProgressBar(leave=False)] if is_interactive() else []


def _logger(node: dict[str, Any], folder: Path) -> Any:
    kind = node.get("kind")
    if kind == "tensorboard":
        return L.pytorch.loggers.TensorBoardLogger(folder, name="tensorboard", version="")
    if kind == "wandb":
        try:
            return L.pytorch.loggers.WandbLogger(project=node["project"], save_dir=folder)
        except ModuleNotFoundError:
            raise UserError('logger=wandb: install it with pip install "speechsrt[wandb]"') from None
    return False


def _resumed(config: dict[str, Any]) -> tuple[Path, Path]:
    chosen = config["run_dir"] if config["resume"] is True else config["resume"]
    if chosen is None:
        raise UserError("resume=true: say which run, run_dir=FOLDER resume=true")
    named = Path(chosen).expanduser()
    if named.suffix == ".ckpt":
        folder, checkpoint = named.parent.parent, named
    else:
        folder, checkpoint = named, named / "checkpoints" / "last.ckpt"
    if not checkpoint.is_file() or not (folder / "config.yaml").is_file():
        raise UserError(f"resume: {named} holds no run to go on with (no {checkpoint.name} or config.yaml)")
    return folder, checkpoint


def _changed(kept: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """Lay what was typed over a stored configuration; a group's option cannot be changed any more."""
    result = OmegaConf.create(kept)
    for key in config["typed"]:
        if key in RUN_KEYS:
            continue
        value = OmegaConf.select(OmegaConf.create(config), key)
        if OmegaConf.is_dict(value):
            raise UserError(f"{key}=: a resumed run keeps its choice; start a new one with init_from= instead")
        OmegaConf.update(result, key, value)
    plain = OmegaConf.to_container(result)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()} | {"typed": config["typed"]}
