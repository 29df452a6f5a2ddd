"""What a person types, in the form that Hydra's grammar takes.

Spaces, letters of any language, ``=``, parentheses, commas and quotes in paths, and the words of
``data.words``, among which ``yes``, ``no``, ``on`` and ``off`` are words: they are put in quotes.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from speechsrt.errors import UserError

PATHS = (
    "data.root",
    "data.path",
    "data.validation_path",
    "data.test_path",
    "data_root",
    "run_dir",
    "checkpoint",
    "init_from",
    "resume",
    "input",
    "output",
    "ngram_text",
    "decoder.lm",
)
LISTS = ("data.words",)
VERBATIM = ("text.characters",)
"""Keys whose blanks count, those at the edges too."""
KEYWORDS = ("null", "true", "false")
QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
ITEM = re.compile(rf"""\s*({QUOTED.pattern}|[^,]+?)\s*(?:,|$)""", re.DOTALL)


def quoted(override: str) -> str:
    """Return an override with its value quoted where Hydra's grammar would trip over it.

    Raises:
        UserError: it is not of the form key=value, its key cannot be one, or its path is empty.
    """
    key, value = split(override)
    if key in PATHS:
        value = _path(key, value)
    elif key in VERBATIM:
        value = quote(value)
    elif key in LISTS:
        value = re.sub(r"\[([^\[\]]*)\]", lambda found: f"[{','.join(map(quote, items(found[1])))}]", value)
    if parsed(f"{key}={value}") is None:
        value = quote(value)
    written = f"{override[: len(override) - len(override.lstrip('+'))]}{key}={value}"
    if parsed(written) is None:
        raise UserError(f"{override}: {key} cannot be a key; write key=value (see speechsrt --help)")
    return written


def split(override: str) -> tuple[str, str]:
    """Return the key, without ``+``, and the value of an override.

    Raises:
        UserError: it is not of the form key=value.
    """
    key, equals, value = override.partition("=")
    if key.startswith("~"):
        raise UserError(f"{override}: nothing can be taken out; write key=value to change it")
    if override.startswith("-"):
        raise UserError(f"{override}: no such option; there are --help and -m, all else is key=value")
    if not equals or not key.strip("+"):
        raise UserError(f"{override or repr(override)}: write key=value (see speechsrt --help)")
    return key.lstrip("+"), value


def sweeps(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Return the jobs of a multirun: every combination of comma-separated values and ranges, as in Hydra.

    A comma in a path separates paths here, unless the path is in quotes.

    Raises:
        UserError: an override that is not of the form key=value.
    """
    return (list(job) for job in itertools.product(*map(_choices, overrides)))


def _choices(text: str) -> list[str]:
    key, value = split(text)
    if key in PATHS:
        return [f"{key}={item}" for item in items(value)] or [text]
    override = parsed(quoted(text))
    if override is None or not override.is_sweep_override():
        return [text]
    return [f"{key}={choice}" for choice in override.sweep_string_iterator()]


def parsed(override: str) -> Any:
    """Return what Hydra's grammar makes of an override, None where it refuses it."""
    try:
        return OverridesParser.create().parse_override(override)
    except HydraException:
        return None


def items(text: str) -> list[str]:
    """Split a list at its commas, but for those inside quotes."""
    return [found[1] for found in ITEM.finditer(text)]


def quote(value: str) -> str:
    """Return a value in quotes, as Hydra reads them: a backslash counts only where it precedes a quote."""
    if QUOTED.fullmatch(value):
        return value
    doubled = re.sub(r"(\\+)(?='|$)", r"\1\1", value)
    return "'" + doubled.replace("'", "\\'") + "'"


def _path(key: str, value: str) -> str:
    if not value:
        raise UserError(f"{key}=: is empty; write a path, or leave {key} out")
    return value.lower() if value.lower() in KEYWORDS else quote(value)
