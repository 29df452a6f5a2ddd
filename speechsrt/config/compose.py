"""The configuration of a new run: what Hydra composes from the files, the overrides laid over it, checked."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from speechsrt.config.checks import check
from speechsrt.config.files import conf_dir, own_dir
from speechsrt.config.mistakes import check_groups, explained
from speechsrt.config.resume import resumed, wanted
from speechsrt.config.typed import parsed, quote, quoted, split
from speechsrt.errors import UserError


def load(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the configuration that overrides stand for, as plain, resolved values.

    Its ``typed`` lists the keys that were typed. Where the overrides say ``resume=``, it is the configuration
    of that run with the other overrides laid over it; ``resume`` is then the checkpoint to go on from,
    ``run_dir`` its folder.

    Args:
        overrides: ``key=value`` and ``group=option`` as typed.

    Raises:
        UserError: a key, an option or a value that does not exist or does not parse; nothing to resume.
    """
    prepared = [quoted(override) for override in overrides]
    for override in prepared:
        if parsed(override).is_sweep_override():
            raise UserError(
                f"{override}: is a choice of values; -m runs every one, quotes make it a single text"
            )
    run = wanted(prepared)
    # a run of an older release lacks the keys and groups that came since: their defaults lie below its own
    config = _plain(prepared) if run is None else _plain(()) | resumed(run, prepared)
    keys = [split(override)[0] for override in overrides]
    check(config, keys)
    _check_name(config, prepared)
    return _absolute(config) | {"typed": keys}


def _check_name(config: dict[str, Any], prepared: Sequence[str]) -> None:
    """Raise a UserError where a table is not called as its file is: its results would be those of another."""
    chosen = dict(split(text) for text in prepared).get("table", "none")
    name = config["table"].get("name")
    if chosen not in ("none", name):
        raise UserError(f"table={chosen}: its file has name: {name}; write name: {chosen}")


def _plain(prepared: Sequence[str]) -> dict[str, Any]:
    """Compose and resolve. A key of ``trainer`` may be any argument of Lightning's, which `check` sees to."""
    check_groups(prepared)
    final = [f"++{text.lstrip('+')}" if split(text)[0].startswith("trainer.") else text for text in prepared]
    try:
        plain = OmegaConf.to_container(_composed(final), resolve=True)
    except (HydraException, OmegaConfBaseException, YAMLError) as error:
        raise explained(error, final, _composed) from None
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _composed(overrides: Sequence[str]) -> DictConfig:
    own = own_dir()
    beside = [] if own is None else [f"hydra.searchpath=[{quote(f'file://{own}')}]"]
    with initialize_config_dir(str(conf_dir().resolve()), version_base="1.3"):
        return compose("config", overrides=[*beside, *overrides])


def _absolute(config: dict[str, Any]) -> dict[str, Any]:
    """Make paths absolute that are stored with a run, so that it can be gone on with from any folder."""
    data = config["data"]
    places = [(config, "data_root"), (config, "init_from"), (config["decoder"], "lm")]
    for node, key in [
        *places,
        *((data, key) for key in ("root", "path", "validation_path", "test_path", "piper")),
    ]:
        if isinstance(node.get(key), str):
            node[key] = os.path.abspath(Path(node[key]).expanduser())
    for key in ("unknown", "noise"):
        found = config["negatives"][key]
        if isinstance(found, list):
            config["negatives"][key] = [_place(item) for item in found]
    return config


def _place(item: Any) -> Any:
    """Make a folder's path absolute; the name of what a corpus has itself stays."""
    own = not isinstance(item, str) or item in ("other_words", "background_noise")
    return item if own else os.path.abspath(Path(item).expanduser())
