"""What Hydra complains of, as one line that says what to write instead."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError

from speechsrt.build import suggest
from speechsrt.config.files import file_of, groups, options
from speechsrt.config.typed import split
from speechsrt.errors import UserError

Compose = Callable[[Sequence[str]], DictConfig]


def check_groups(overrides: Sequence[str]) -> None:
    """Raise a UserError where an override names a group's option that does not exist."""
    for override in overrides:
        key, value = split(override)
        known = options(key) if key in groups() else []
        if known and value not in known and not value.startswith("{"):
            raise UserError(f"{key}={value}: no such option; {suggest(value, known)}")


def explained(error: Exception, overrides: Sequence[str], compose: Compose) -> UserError:
    """Return Hydra's or OmegaConf's complaint about some overrides as a mistake of the user's.

    Args:
        error: the complaint.
        overrides: what was composed.
        compose: composes overrides, to see which of them is at fault.
    """
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        return UserError(f"{error.problem_mark.name}, line {error.problem_mark.line + 1}: {error.problem}")
    text = f"{error} {error.__cause__ or ''}"
    missing = re.search(r"Could not override '([^']+)'", text)
    if missing:
        return UserError(missing_key(missing[1], compose(_choices_among(overrides))))
    if "Could not append" in text:
        return UserError(f"{_culprit(overrides, compose)}: this key is there already; write it without +")
    reason = next(
        (line for line in str(error.__cause__ or error).splitlines() if line.strip()), "not understood"
    )
    return UserError(f"{_culprit(overrides, compose)}: {reason}; --help behind the verb shows what fits")


def missing_key(key: str, whole: DictConfig) -> str:
    """Return what to say of a key that a configuration does not have."""
    group, _, rest = key.partition(".")
    chosen = [option for option in options(group) if rest and _has(group, option, rest)]
    if chosen:
        return (
            f"{key}: no key of the {group} chosen; it goes with {' or '.join(f'{group}={o}' for o in chosen)}"
        )
    parent, _, name = key.rpartition(".")
    siblings: Any = OmegaConf.select(whole, parent) if parent else whole
    if isinstance(siblings, DictConfig):
        prefix = f"{parent}." if parent else ""
        known = [f"{prefix}{sibling}" for sibling in siblings if not str(sibling).startswith("_")]
        return f"{key}: no such key; {suggest(f'{prefix}{name}', known) if known else f'{parent} has none'}"
    return f"{key}: no such key; for {group}, {suggest(group, [str(known) for known in whole])}"


def _choices_among(overrides: Sequence[str]) -> list[str]:
    return [override for override in overrides if override.partition("=")[0] in groups()]


def _has(group: str, option: str, key: str) -> bool:
    stored = OmegaConf.load(file_of(group, option))
    inside = OmegaConf.select(stored, group, default=stored)
    return OmegaConf.select(inside, key, default=stored) is not stored


def _culprit(overrides: Sequence[str], compose: Compose) -> str:
    """Return the first override that cannot be composed with those before it."""
    for count in range(1, len(overrides)):
        try:
            OmegaConf.to_container(compose(overrides[:count]), resolve=True)
        except Exception:
            return overrides[count - 1]
    return overrides[-1] if overrides else "conf"
