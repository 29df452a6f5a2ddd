"""What lies under ``conf/``: a folder a group, a file an option."""

from pathlib import Path

PACKAGE = Path(__file__).parent.parent


def conf_dir() -> Path:
    """Return the folder of the configuration: inside an installed package, beside it in the repository."""
    inside = PACKAGE / "conf"
    return inside if inside.is_dir() else PACKAGE.parent / "conf"


def groups() -> list[str]:
    """Return the names of the groups."""
    return sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


def options(group: str) -> list[str]:
    """Return the names of a group's options."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))
