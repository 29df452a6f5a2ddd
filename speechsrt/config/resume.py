"""The configuration of a run that goes on: its own, with what is typed beside ``resume=`` changed in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from speechsrt.config.files import groups
from speechsrt.config.mistakes import missing_key
from speechsrt.config.typed import parsed, split
from speechsrt.errors import UserError


@dataclass(frozen=True)
class Run:
    """A run folder and the checkpoint in it to go on from."""

    folder: Path
    checkpoint: Path


def wanted(prepared: Sequence[str]) -> Run | None:
    """Return the run that overrides want to go on with: ``resume=RUN``, or ``run_dir=RUN resume=true``.

    Raises:
        UserError: no run is named, or there is nothing to go on with.
    """
    values = {split(override)[0]: parsed(override).value() for override in prepared if _names_a_run(override)}
    chosen = values.get("resume")
    if chosen is None or chosen is False:
        return None
    named = values.get("run_dir") if chosen is True else chosen
    if named is None:
        raise UserError("resume=true: say which run, run_dir=FOLDER resume=true")
    return _find(Path(str(named)).expanduser())


def resumed(run: Run, prepared: Sequence[str]) -> dict[str, Any]:
    """Return a run's stored configuration with overrides laid over it.

    Raises:
        UserError: a key it does not have, or the option of a group, which cannot be changed any more.
    """
    stored = OmegaConf.load(run.folder / "config.yaml")
    assert isinstance(stored, DictConfig)
    for override in prepared:
        if not _names_a_run(override):
            _lay_over(stored, override)
    plain = OmegaConf.to_container(stored, resolve=True)
    assert isinstance(plain, dict)
    places = {"run_dir": str(run.folder), "resume": str(run.checkpoint)}
    return {str(key): value for key, value in plain.items()} | places


def _names_a_run(override: str) -> bool:
    return split(override)[0] in ("resume", "run_dir")


def _find(named: Path) -> Run:
    checkpoint = named if named.suffix == ".ckpt" else named / "checkpoints" / "last.ckpt"
    folder = checkpoint.parent.parent
    for needed in (folder / "config.yaml", checkpoint):
        if not needed.is_file():
            raise UserError(
                f"resume: {named} holds no run to go on with (there is no {needed}); leave resume= out"
            )
    return Run(folder, checkpoint)


def _lay_over(stored: DictConfig, override: str) -> None:
    key, value = split(override)[0], parsed(override).value()
    if key in groups():
        raise UserError(f"{key}=: a resumed run keeps its choice; start a new one with init_from= instead")
    nowhere = object()
    if not key.startswith("trainer.") and OmegaConf.select(stored, key, default=nowhere) is nowhere:
        raise UserError(missing_key(key, stored))
    OmegaConf.update(stored, key, value)
