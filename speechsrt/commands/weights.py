"""Where a model comes from: built afresh by the configuration, or begun from the weights of another."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from speechsrt import config as configuration
from speechsrt.build import locate
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.model import TASKS, SpeechModel, task_of

SHAPING = {"model", "features", "pointwise", "placement"}
"""Keys that say what a network is made of."""
FINE = 0.1
"""Rate of layers that are kept, in those of a new last layer."""
MEANING = {"keyword": "labels", "ctc": "vocabulary"}
"""What of a description tells what the outputs of a network stand for, by task."""


def initial_model(
    config: dict[str, Any], outputs: dict[str, Any], checkpoint: Path | None = None
) -> tuple[SpeechModel, list[str]]:
    """Return the model a run begins with, and what to say of it.

    Without ``init_from`` the configuration is built afresh. With it the network, front end and 1x1s are those
    of the model named, unless such keys are typed: then what they say is built, and the weights have to fit.
    ``model=NAME`` without any of its keys is not among them: it brings optimizer, schedule and augmentation.

    Args:
        config: the run's.
        outputs: what the outputs stand for, as the model's constructor takes it.
        checkpoint: of a run that goes on; it stands for ``init_from``, which may have gone since.

    Raises:
        UserError: a mistake in the configuration, or weights that do not fit it.
    """
    if config["features"].get("sample_rate", config["data"]["sample_rate"]) != config["data"]["sample_rate"]:
        raise UserError(
            f"features.sample_rate={config['features']['sample_rate']}: write data.sample_rate= instead"
        )
    if config["init_from"] is None:
        return _configured(config, outputs), []
    stored = package.read(checkpoint or config["init_from"])
    task = task_of(config["model"])
    if stored.task != task:
        raise UserError(
            f"init_from={config['init_from']}: a model that {TASKS[stored.task]}, but model= is one that "
            f"{TASKS[task]}; write a model= of its kind"
        )
    _check_rate(stored.description["features"]["sample_rate"], config)
    if not _shapes(config["typed"]):
        model = package.MODELS[task](**stored.description | outputs)
        notes = [f"init_from: network, front end and 1x1 layers are those of {config['init_from']}"]
    else:
        model, notes = _configured(config, outputs), []
        _check_fit(model, stored, config["init_from"])
    meaning = MEANING[task]
    keep_head = outputs[meaning] == stored.description[meaning]
    if not keep_head:
        notes.append(_changed(meaning, stored.description[meaning], outputs[meaning]))
    return with_weights(model, stored.tensors, keep_head), notes


def settle_encoder_rate(
    config: dict[str, Any], outputs: dict[str, Any], checkpoint: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration with ``encoder_rate=`` settled, and what to say of it.

    Left out it is 1, but `FINE` where a last layer begins anew over layers that do not: these would lose what
    they know to the gradients of a last layer that knows nothing. A run of an older release, without the key,
    goes on from its checkpoint with 1.
    """
    if config["encoder_rate"] is not None:
        if config["encoder_rate"] != 1 and config["init_from"] is None:
            raise UserError(
                f"encoder_rate={config['encoder_rate']:g}: goes with init_from=, which names whose layers "
                "are kept"
            )
        return config, []
    meaning = MEANING[task_of(config["model"])]
    if (
        checkpoint is not None
        or config["init_from"] is None
        or package.read(config["init_from"]).description.get(meaning) == outputs[meaning]
    ):
        return config | {"encoder_rate": 1.0}, []
    note = f"encoder_rate={FINE:g}: all but the new last layer learn at a tenth of the rate"
    return config | {"encoder_rate": FINE}, [note]


@torch.no_grad()
def with_weights(model: SpeechModel, tensors: dict[str, Tensor], keep_head: bool) -> SpeechModel:
    """Copy stored tensors into a model; without `keep_head` the classifier stays fresh."""
    state = model.state_dict()
    for name, tensor in tensors.items():
        if keep_head or not _of_head(name):
            state[name].copy_(tensor)
    return model


def _changed(meaning: str, before: Any, after: Any) -> str:
    """Return what to say of a last layer that is made anew."""
    what = f"init_from: another {meaning.removesuffix('s')}"
    if meaning == "labels":
        gone = [label for label in before if label not in after]
        new = [label for label in after if label not in before]
        parts = [f"without {', '.join(gone)}"] * bool(gone) + [f"with {', '.join(new)}"] * bool(new)
        what = f"init_from: other words ({'; '.join(parts) or 'in another order'})"
    return f"{what}, so a new last layer; the rest is kept"


def _configured(config: dict[str, Any], outputs: dict[str, Any]) -> SpeechModel:
    rules = configuration.rules(config)
    model = package.MODELS[task_of(config["model"])]
    return model(config["features"], config["model"], **outputs, rules=rules)


def _shapes(typed: list[str]) -> bool:
    """Say whether keys typed shape the network; ``model=NAME`` alone chooses how to train it."""
    return any(key.partition(".")[0] in SHAPING for key in typed if key != "model")


def _check_rate(rate: int, config: dict[str, Any]) -> None:
    if rate != config["data"]["sample_rate"]:
        raise UserError(
            f"init_from={config['init_from']}: hears {rate} Hz, data.sample_rate is "
            f"{config['data']['sample_rate']}; write data.sample_rate={rate}"
        )


def _check_fit(model: SpeechModel, stored: package.Stored, source: str) -> None:
    """Raise a UserError where stored weights do not belong into a configured model."""
    ours = model.describe()
    remedy = f"leave {', '.join(sorted(SHAPING))} out, or write what it was trained with"
    for name, settings in stored.description["layers"].items():
        if _lasting(ours["layers"].get(name, {})) != _lasting(settings):
            raise UserError(f"init_from={source}: layer {name} is another one there; {remedy}")
    if ours["features"] != stored.description["features"]:
        raise UserError(f"init_from={source}: has another front end; {remedy}")
    state = model.state_dict()
    for name, tensor in stored.tensors.items():
        if not _of_head(name) and (name not in state or state[name].shape != tensor.shape):
            raise UserError(f"init_from={source}: its {name} does not fit the network; {remedy}")


def _lasting(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a layer that are seen after training too."""
    passing = ("rate", *locate(settings["_target_"]).passing) if settings else ()
    return {key: value for key, value in settings.items() if key not in passing}


def _of_head(name: str) -> bool:
    return name.startswith("network.head.")
