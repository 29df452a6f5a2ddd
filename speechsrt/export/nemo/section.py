"""A part of somebody else's configuration: values read by kind, mistakes told by their place in the file."""

from collections.abc import Mapping, Set
from typing import Any

from speechsrt.errors import UserError

LARGEST = 1 << 20
"""No width, kernel, count or rate of a network is larger."""


class Section:
    """A mapping of settings, and where it stands in its file.

    Raises:
        UserError: what stands there is no mapping.
    """

    def __init__(self, place: str, values: Any) -> None:
        if not isinstance(values, dict):
            raise UserError(f"{place}: expected a mapping of settings")
        self.place, self.values = place, values

    def __contains__(self, key: str) -> bool:
        """Say whether a setting is there and is not null."""
        return self.values.get(key) is not None

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a positive whole number, written plain or as a list of one."""
        value = self.values.get(key, default)
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST:
            raise self.refused(key, f"expected a whole number from 1 to {LARGEST:,}")
        return value

    def number(self, key: str, default: float) -> float:
        """Return a number from 0."""
        value = self.values.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
            raise self.refused(key, f"expected a number from 0 to {LARGEST:,}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self.values.get(key, default)
        if not isinstance(value, bool):
            raise self.refused(key, "expected true or false")
        return value

    def texts(self, key: str) -> list[str]:
        """Return a list of texts, no two alike."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value:
            raise self.refused(key, "expected a list of texts")
        for number, text in enumerate(value):
            if not isinstance(text, str):
                raise UserError(
                    f"{self.place}.{key}[{number}]={_written(text)}: expected a text; put it in quotes"
                )
            if text in value[:number]:
                raise UserError(f"{self.place}.{key}[{number}]={text!r}: is there twice")
        return value

    def hold(self, fixed: Mapping[str, Any], others: Set[str]) -> None:
        """Raise a UserError for a setting that differs from `fixed`, or that is none of `others` either."""
        for key, value in self.values.items():
            if key in fixed and value != fixed[key]:
                raise self.refused(key, f"only {_written(fixed[key])} can be represented here")
            if key not in fixed and key not in others:
                raise self.refused(key, "a setting that is not known here")

    def refused(self, key: str, why: str) -> UserError:
        """Return the mistake that a setting is."""
        if key not in self.values:
            return UserError(f"{self.place}.{key}: is not there; {why}")
        return UserError(f"{self.place}.{key}={_written(self.values[key])}: {why}")


def _written(value: Any) -> str:
    """Return a value as YAML has it, cut short."""
    plain = {None: "null", True: "true", False: "false"}
    text = plain[value] if value is None or isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
