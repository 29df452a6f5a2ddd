"""Which layers are of which kind, as ``pointwise=`` and ``placement=`` say it."""

from typing import Any

from omegaconf import OmegaConf

from speechsrt.build import suggest
from speechsrt.config.files import file_of, options
from speechsrt.errors import UserError


def rules(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the placement rules of a configuration: what ``pointwise=`` stands for, then ``placement``.

    Raises:
        UserError: a rule without layers or kind, an unknown kind, or a setting the kind does not have.
    """
    short = config["pointwise"] | {"where": _where(config["pointwise"].get("where"), "pointwise.where")}
    return [short, *(_rule(entry) for entry in config["placement"])]


def _rule(entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "where" not in entry or "kind" not in entry:
        raise UserError(f"placement: write rules as {{where: [ROLE or NAME], kind: KIND, ...}}, not {entry}")
    kind = str(entry["kind"])
    if kind not in options("pointwise"):
        raise UserError(f"placement: kind={kind} does not exist; {suggest(kind, options('pointwise'))}")
    base = OmegaConf.to_container(OmegaConf.load(file_of("pointwise", kind)))
    assert isinstance(base, dict)
    typed = {str(key): value for key, value in entry.items() if key != "kind"}
    for key in typed:
        if key not in base or key == "_target_":
            known = [str(name) for name in base if name != "_target_"]
            raise UserError(f"placement: {kind} has no setting {key}; {suggest(key, known)}")
    settled = {str(key): value for key, value in base.items()} | typed
    return settled | {"where": _where(entry["where"], "placement: where")}


def _where(value: Any, key: str) -> list[str]:
    """Return a list of roles and names; one alone stands for a list of it."""
    named = [value] if isinstance(value, str) else value
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise UserError(f"{key}={value}: write roles or names of layers, such as [block]")
    return named
