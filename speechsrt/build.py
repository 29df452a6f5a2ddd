"""From a plain mapping to an object: the one place that turns a name in a file into code.

A node such as ``{"_target_": "speechsrt.pointwise.ternary.Ternary", "density": 0.3}`` is built only where its
target is a class defined in one of the packages of `ALLOWED`; nothing else in a configuration or in a model
file can name code. The typed constructor is the schema: a wrong key, a missing one and a value of the wrong
type are mistakes of the user's.
"""

import difflib
import importlib
import inspect
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from speechsrt.errors import UserError

ALLOWED = (
    "speechsrt.audio",
    "speechsrt.corpora",
    "speechsrt.decoding",
    "speechsrt.models",
    "speechsrt.pointwise",
    "speechsrt.text",
    "speechsrt.training",
)


def locate(target: str) -> type:
    """Return the class that a dotted name stands for.

    Raises:
        UserError: the name is outside the packages of `ALLOWED`, or no class is there.
    """
    module_name, _, class_name = target.rpartition(".")
    if not any(module_name.startswith(f"{package}.") for package in ALLOWED):
        raise UserError(f"_target_={target}: only classes of {', '.join(ALLOWED)} can be named here")
    try:
        found = getattr(importlib.import_module(module_name), class_name, None)
    except ModuleNotFoundError as error:
        raise UserError(f"_target_={target}: there is no module {error.name}") from None
    if not isinstance(found, type) or found.__module__ != module_name:
        raise UserError(f"_target_={target}: {module_name} defines no class {class_name}")
    return found


def build(node: Mapping[str, Any], key: str, **extra: Any) -> Any:
    """Construct the object a node describes.

    Args:
        node: a mapping with ``_target_`` and the constructor's arguments.
        key: where the node stands in the configuration, for messages.
        extra: further arguments that no file can hold (other objects); they win over the node's.

    Raises:
        UserError: see `locate`; a key the constructor lacks, one it needs, or a value of another type.
    """
    if not isinstance(node, Mapping):
        raise UserError(f"{key}={node}: expected a mapping of settings")
    if "_target_" not in node:
        raise UserError(f"{key}._target_: this setting is needed; it names the class to build")
    cls = locate(str(node["_target_"]))
    settings = {name: value for name, value in node.items() if name != "_target_"} | extra
    check_arguments(cls, settings, key)
    return cls(**settings)


def check_arguments(function: Any, settings: Mapping[str, Any], key: str) -> None:
    """Raise a UserError where `settings` do not fit the signature and annotations of `function`."""
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(function.__init__ if isinstance(function, type) else function)
    for name, value in settings.items():
        if name not in parameters:
            raise UserError(f"{key}.{name}: no such setting; {suggest(name, parameters)}")
        if name in hints and not fits(value, hints[name]):
            raise UserError(f"{key}.{name}={value}: expected {describe(hints[name])}")
    for name, parameter in parameters.items():
        if parameter.default is parameter.empty and name not in settings:
            raise UserError(f"{key}.{name}: this setting is needed")


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what to write instead of an unknown name: the closest known one, else all of them."""
    names = sorted(known)
    if not names:
        return "there is none here; leave it out"
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else f"choose from {', '.join(names)}"


def fits(value: Any, hint: Any) -> bool:
    """Say whether a plain value agrees with an annotation (numbers, strings, lists, mappings, literals)."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or isinstance(hint, typing.TypeVar):
        return True
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, choice) for choice in arguments)
    if origin is typing.Literal:
        return value in arguments
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is None or hint is types.NoneType:
        return value is None
    return _fits_container(value, origin or hint, arguments)


def _fits_container(value: Any, outer: Any, arguments: tuple[Any, ...]) -> bool:
    if not isinstance(outer, type) or getattr(outer, "_is_protocol", False):
        return True
    if not isinstance(value, outer):
        return False
    if arguments and isinstance(value, Mapping):
        return all(fits(k, arguments[0]) and fits(v, arguments[1]) for k, v in value.items())
    if arguments and isinstance(value, list):
        return all(fits(item, arguments[0]) for item in value)
    return True


def describe(hint: Any) -> str:
    """Return an annotation in words a user reads: 'a number', 'one of hash, sobol', ..."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(describe(choice) for choice in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(str, arguments))
    words = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
    words |= {types.NoneType: "null", list: "a list", dict: "a mapping"}
    return words.get(origin or hint, getattr(hint, "__name__", str(hint)))
