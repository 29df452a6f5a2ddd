"""What lies under ``conf/``: a folder a group, a file an option; and the user's own beside it."""

import os
from pathlib import Path

from speechsrt.errors import UserError

PACKAGE = Path(__file__).parent.parent
OWN = "SPEECHSRT_CONF"


def conf_dir() -> Path:
    """Return the folder of the configuration: inside an installed package, beside it in the repository."""
    inside = PACKAGE / "conf"
    return inside if inside.is_dir() else PACKAGE.parent / "conf"


def own_dir() -> Path | None:
    """Return the folder of the user's own options, laid out as ``conf/``, that ``$SPEECHSRT_CONF`` names.

    Raises:
        UserError: there is no such folder.
    """
    named = os.environ.get(OWN)
    if not named:
        return None
    own = Path(named).expanduser().resolve()
    if not own.is_dir():
        raise UserError(f"{OWN}={named}: no such folder; name one with table/, experiment/ and so on in it")
    return own


def groups() -> list[str]:
    """Return the names of the groups."""
    return sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


def options(group: str) -> list[str]:
    """Return the names of a group's options."""
    return sorted({path.stem for folder in _folders() for path in (folder / group).glob("*.yaml")})


def file_of(group: str, option: str) -> Path:
    """Return the file of an option: the project's where both have it, as Hydra finds it."""
    files = [folder / group / f"{option}.yaml" for folder in _folders()]
    return next((file for file in files if file.is_file()), files[0])


def _folders() -> list[Path]:
    own = own_dir()
    return [conf_dir()] if own is None else [conf_dir(), own]
