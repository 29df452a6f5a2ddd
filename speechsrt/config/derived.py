"""The configuration of a run that begins where another ended: the other's, what is typed laid over it."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

OWN = {"pointwise", "placement", "run_dir", "checkpoint", "init_from", "resume", "weight_budget", "typed"}
"""Keys that a run does not take over from the one before it."""


def derived(config: dict[str, Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Return a stored configuration with the typed keys of a fresh one laid over it.

    A group that is typed (``schedule=constant``) is the fresh one's as a whole; of others the typed keys are.
    What the stored one does not know yet has the fresh one's value. ``experiment=`` brings everything anew.

    Args:
        config: a fresh configuration with its ``typed`` keys.
        stored: that of the run before, resolved.
    """
    typed = config["typed"]
    if "experiment" in typed:
        return config
    result = {}
    for key, value in config.items():
        if key in OWN or key in typed or key not in stored:
            result[key] = value
        else:
            inner = [name.split(".")[1:] for name in typed if name.startswith(f"{key}.")]
            result[key] = _laid(stored[key], value, inner)
    return result


def stored_beside(checkpoint: Path) -> dict[str, Any] | None:
    """Return the configuration of the run whose folder a file lies in, None where it lies in none."""
    places = (checkpoint.parent / "config.yaml", checkpoint.parent.parent / "config.yaml")
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        return None
    plain = OmegaConf.to_container(OmegaConf.load(found), resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def _laid(stored: Any, fresh: Any, paths: list[list[str]]) -> Any:
    """Return stored values with those at `paths` taken from fresh ones; an empty path means all of them."""
    if not paths:
        return stored
    if [] in paths or not isinstance(stored, dict):
        return fresh
    result = dict(stored)
    for head in {path[0] for path in paths}:
        deeper = [path[1:] for path in paths if path[0] == head]
        result[head] = _laid(stored.get(head), fresh[head], deeper)
    return result
