"""Where a model comes from: built afresh by the configuration, or begun from the weights of another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speechsrt import config as configuration
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.keyword import KeywordModel

SHAPING = {"model", "features", "pointwise", "placement"}
"""Keys that say what a network is made of."""


def initial_model(
    config: dict[str, Any], labels: Sequence[str], checkpoint: Path | None = None
) -> tuple[KeywordModel, list[str]]:
    """Return the model a run begins with, and what to say of it.

    Without ``init_from`` the configuration is built afresh. With it the network, front end and 1x1s are those
    of the model named, unless such keys are typed: then what they say is built, and the weights have to fit.

    Args:
        config: the run's.
        labels: the words.
        checkpoint: of a run that goes on; it stands for ``init_from``, which may have gone since.

    Raises:
        UserError: fewer than two words, a mistake in the configuration, or weights that do not fit it.
    """
    if len(labels) < 2:
        raise UserError(f"data.words=[{','.join(labels)}]: a model tells words apart; give it two at least")
    if config["features"].get("sample_rate", config["data"]["sample_rate"]) != config["data"]["sample_rate"]:
        raise UserError(
            f"features.sample_rate={config['features']['sample_rate']}: write data.sample_rate= instead"
        )
    if config["init_from"] is None:
        return _configured(config, labels), []
    described, tensors = package.read(checkpoint or config["init_from"])
    _check_rate(described["features"]["sample_rate"], config)
    if SHAPING.isdisjoint(key.partition(".")[0] for key in config["typed"]):
        changed = {"labels": list(labels), "clip_seconds": float(config["data"]["clip_seconds"])}
        model = KeywordModel(**described | changed)
        notes = [f"init_from: network, front end and 1x1 layers are those of {config['init_from']}"]
    else:
        model, notes = _configured(config, labels), []
        _check_fit(model, described, tensors, config["init_from"])
    keep_head = list(labels) == described["labels"]
    if not keep_head:
        notes.append(f"init_from: other words, so a new classifier for {', '.join(labels)}")
    return with_weights(model, tensors, keep_head), notes


@torch.no_grad()
def with_weights(model: KeywordModel, tensors: dict[str, Tensor], keep_head: bool) -> KeywordModel:
    """Copy stored tensors into a model; without `keep_head` the classifier stays fresh."""
    state = model.state_dict()
    for name, tensor in tensors.items():
        if keep_head or not _of_head(name):
            state[name].copy_(tensor)
    return model


def _configured(config: dict[str, Any], labels: Sequence[str]) -> KeywordModel:
    rules = configuration.rules(config)
    clip_seconds = float(config["data"]["clip_seconds"])
    return KeywordModel(config["features"], config["model"], labels, clip_seconds, rules)


def _check_rate(rate: int, config: dict[str, Any]) -> None:
    if rate != config["data"]["sample_rate"]:
        raise UserError(
            f"init_from={config['init_from']}: hears {rate} Hz, data.sample_rate is "
            f"{config['data']['sample_rate']}; write data.sample_rate={rate}"
        )


def _check_fit(
    model: KeywordModel, described: dict[str, Any], tensors: dict[str, Tensor], source: str
) -> None:
    """Raise a UserError where stored weights do not belong into a configured model."""
    ours = model.describe()
    remedy = f"leave {', '.join(sorted(SHAPING))} out, or write what it was trained with"
    for name, settings in described["layers"].items():
        if ours["layers"].get(name) != settings:
            raise UserError(f"init_from={source}: layer {name} is another one there; {remedy}")
    if ours["features"] != described["features"]:
        raise UserError(f"init_from={source}: has another front end; {remedy}")
    state = model.state_dict()
    for name in tensors:
        if not _of_head(name) and (name not in state or state[name].shape != tensors[name].shape):
            raise UserError(f"init_from={source}: its {name} does not fit the network; {remedy}")


def _of_head(name: str) -> bool:
    return name.startswith("network.head.")
