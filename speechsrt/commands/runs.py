"""The folder of a run: where it is, that it is free, and the configuration in it."""

import itertools
from datetime import datetime
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from speechsrt.errors import UserError
from speechsrt.reports.files import write_atomically

RUN_KEYS = ("run_dir", "resume", "typed", "table")


def folder_of(config: dict[str, Any]) -> Path:
    """Return the folder of a run, a free one named by the time where none is typed; nothing is made yet."""
    if config["run_dir"] is not None:
        return Path(config["run_dir"]).expanduser()
    named = Path("runs") / f"{datetime.now():%Y-%m-%d_%H-%M-%S}"
    numbered = (named.with_name(f"{named.name}_{number}") for number in itertools.count(2))
    return next(folder for folder in itertools.chain([named], numbered) if not folder.exists())


def resumes(config: dict[str, Any]) -> Path | None:
    """Return the checkpoint that a run goes on from, None for a new one."""
    return Path(config["resume"]) if isinstance(config["resume"], str) else None


def check_free(folder: Path) -> None:
    """Raise a UserError where a folder holds a run already, or no folder can be there."""
    if (folder / "config.yaml").exists():
        again = (folder / "checkpoints" / "last.ckpt").exists()
        remedy = "add resume=true to go on with it, or" if again else "remove it, or"
        raise UserError(f"run_dir={folder}: already holds a run; {remedy} choose another")
    above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not above.is_dir():
        raise UserError(f"run_dir={folder}: {above} is a file; choose a folder that can be made")


def start(config: dict[str, Any], folder: Path) -> str:
    """Make the folder, write ``config.yaml``, resolved, into it, and return its text.

    Raises:
        UserError: the folder cannot be made or written to.
    """
    kept = {key: value for key, value in config.items() if key not in RUN_KEYS}
    text = OmegaConf.to_yaml(OmegaConf.create(kept))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "config.yaml", text.encode())
    except OSError as error:
        raise UserError(
            f"run_dir={folder}: {error.strerror}; choose a folder that can be written to"
        ) from None
    return text
