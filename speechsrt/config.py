"""From what a person types to a checked configuration.

Hydra composes the files under ``conf/``; its ``main`` is not used, because a mistake has to be one line and exit
code 2. Before Hydra's grammar sees a value, what a person types plainly is quoted: spaces, letters of any
language, ``=`` and parentheses, and the words of ``data.words``, among which ``yes``, ``no``, ``on`` and ``off`` are words.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from speechsrt.build import suggest
from speechsrt.errors import UserError

PATHS = {"data.root", "data.path", "data_root", "run_dir", "checkpoint", "init_from", "resume", "input", "output"}
LISTS = {"data.words"}
TYPES: dict[str, tuple[type, ...]] = {
    "seed": (int,),
    "batch_size": (int,),
    "balance": (bool,),
    "label_smoothing": (float, int),
    "save_minutes": (float, int),
    "early_stopping": (int, type(None)),
    "placement": (list,),
    "split": (str,),
}


def conf_dir() -> Path:
    """Return the folder of the configuration files: inside the installed package, or beside it in the repository."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "conf"


def load(overrides: Sequence[str]) -> dict[str, Any]:
    """Compose the configuration and return it as plain, resolved values.

    Args:
        overrides: ``key=value`` and ``group=option`` as typed.

    Raises:
        UserError: a key, an option or a value that does not exist or does not parse.
    """
    prepared = [_trainer_key(quoted(override)) for override in overrides]
    try:
        with initialize_config_dir(str(conf_dir().resolve()), version_base="1.3"):
            composed = compose("config", overrides=prepared)
        plain = OmegaConf.to_container(composed, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_explained(error, overrides)) from None
    assert isinstance(plain, dict)
    config = {str(key): value for key, value in plain.items()}
    _check_types(config)
    return config | {"typed": [override.partition("=")[0].lstrip("+~") for override in overrides]}


def rules(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the placement rules of a configuration: what ``pointwise=`` stands for, then ``placement``.

    Raises:
        UserError: an unknown kind, or a setting the kind does not have.
    """
    return [config["pointwise"]] + [_rule(entry) for entry in config["placement"]]


def sweeps(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Return the jobs of a multirun: every combination of comma-separated values and ranges, as in Hydra."""
    choices = []
    for text in overrides:
        override = _parsed(quoted(text))
        if override.is_sweep_override():
            choices.append([f"{override.key_or_group}={value}" for value in override.sweep_string_iterator()])
        else:
            choices.append([text])
    return (list(job) for job in itertools.product(*choices))


def options(group: str) -> list[str]:
    """Return the names of a group's options."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def groups() -> list[str]:
    """Return the names of the groups."""
    return sorted(path.name for path in conf_dir().iterdir() if path.is_dir())


def quoted(override: str) -> str:
    """Return an override with its value quoted where Hydra's grammar would trip over it.

    Raises:
        UserError: no ``=`` in it.
    """
    key, equals, value = override.partition("=")
    if not equals and not key.startswith("~"):
        raise UserError(f"{override}: write key=value (see speechsrt --help)")
    bare = key.lstrip("+")
    if bare in LISTS and value.startswith("[") and value.endswith("]"):
        return f"{key}=[{','.join(map(_quote, _items(value[1:-1])))}]"
    if bare in PATHS and value not in ("", "null", "true", "false"):
        return f"{key}={_quote(value)}"
    return override if _parses(override) else f"{key}={_quote(value)}"


def _items(text: str) -> list[str]:
    found = re.findall(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,]+)\s*(?:,|$)""", text)
    return [item.strip() for item in found]


def _quote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _parsed(override: str) -> Any:
    return OverridesParser.create().parse_override(override)


def _parses(override: str) -> bool:
    try:
        _parsed(override)
    except OverrideParseException:
        return False
    return True


def _trainer_key(override: str) -> str:
    """Let every argument of Lightning's Trainer be set without a ``+``."""
    found = re.match(r"trainer\.(\w+)=", override)
    if not found or re.search(rf"^{found[1]}:", (conf_dir() / "trainer/cpu.yaml").read_text(), re.MULTILINE):
        return override
    import inspect

    from lightning import Trainer

    known = inspect.signature(Trainer).parameters
    if found[1] not in known:
        raise UserError(f"trainer.{found[1]}: no argument of Lightning's Trainer; {suggest(found[1], known)}")
    return f"++{override}"


def _rule(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "where" not in entry or "kind" not in entry:
        raise UserError(f"placement: write rules as {{where: [ROLE or NAME], kind: KIND, ...}}, not {entry}")
    kind = str(entry["kind"])
    if kind not in options("pointwise"):
        raise UserError(f"placement: kind={kind} does not exist; {suggest(kind, options('pointwise'))}")
    base = OmegaConf.to_container(OmegaConf.load(conf_dir() / "pointwise" / f"{kind}.yaml"))
    assert isinstance(base, dict)
    rule = {str(key): value for key, value in base.items()}
    for key, value in entry.items():
        if key not in rule and key != "kind":
            raise UserError(f"placement: {kind} has no setting {key}; {suggest(str(key), rule)}")
        rule[str(key)] = value
    where = rule["where"] if isinstance(rule["where"], list) else [rule["where"]]
    return {key: value for key, value in (rule | {"where": where}).items() if key != "kind"}


def _check_types(config: dict[str, Any]) -> None:
    names = {int: "a whole number", float: "a number", bool: "true or false", list: "a list", str: "text"}
    for key, wanted in TYPES.items():
        value = config[key]
        if not isinstance(value, wanted) or (isinstance(value, bool) and bool not in wanted):
            raise UserError(f"{key}={value}: expected {names[wanted[0]]}")
    if config["compile"] not in ("auto", True, False):
        raise UserError(f"compile={config['compile']}: expected auto, true or false")
    if config["batch_size"] < 1:
        raise UserError(f"batch_size={config['batch_size']}: at least 1")
    if isinstance(config["pointwise"]["where"], str):
        config["pointwise"]["where"] = [config["pointwise"]["where"]]


def _explained(error: Exception, overrides: Sequence[str]) -> str:
    """Return Hydra's complaint as one line that says what to write instead."""
    cause = error.__cause__ if isinstance(error, ConfigCompositionException) and error.__cause__ else error
    text = str(cause).strip() or str(error)
    missing = re.search(r"Could not override '([^']+)'", f"{error} {text}")
    if missing:
        return f"{missing[1]}: no such key; {_suggest_key(missing[1])}"
    option = re.search(r"Could not find '([^/']+)/([^']+)'", f"{error} {text}")
    if option:
        return f"{option[1]}={option[2]}: no such option; {suggest(option[2], options(option[1]))}"
    group = re.search(r"Could not override '?([\w/]+)'?\.|No match in the defaults list", str(error))
    typed = f" (in {overrides[0]})" if len(overrides) == 1 else ""
    first = next((line for line in text.splitlines() if line.strip()), text)
    return f"{first}{typed}" if not group else f"{first}"


def _suggest_key(key: str) -> str:
    parent, _, name = key.rpartition(".")
    with initialize_config_dir(str(conf_dir().resolve()), version_base="1.3"):
        whole = compose("config")
    siblings = OmegaConf.select(whole, parent) if parent else whole
    if not isinstance(siblings, DictConfig):
        return f"{parent} has no keys"
    return suggest(name, [str(key) for key in siblings])
