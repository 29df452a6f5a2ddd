"""The corpus that a trained model is scored on: the one it was trained on, unless another is typed."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from speechsrt.commands.task import Task
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.model import SpeechModel


def with_data(config: dict[str, Any], task: Task, model: SpeechModel) -> dict[str, Any]:
    """Return the configuration with the corpus to score on, heard as the model hears.

    That is the corpus of ``data=``, else the model's own with its negatives, with every ``data.KEY=`` and
    ``negatives.KEY=`` that is typed.
    """
    heard = task.heard(model)
    typed = {key.partition(".")[2] for key in config["typed"] if key.startswith("data.")}
    chosen = config["data"] if "data" in config["typed"] else _trained_on(Path(config["checkpoint"]))
    data = chosen | heard | {key: config["data"][key] for key in typed}
    if data["sample_rate"] != model.sample_rate:
        raise UserError(
            f"data.sample_rate={data['sample_rate']}: the model hears {model.sample_rate} Hz; leave it out"
        )
    return config | {"data": data, "negatives": _negatives(config)}


def _negatives(config: dict[str, Any]) -> dict[str, Any]:
    """Return the negatives of training, with every key that is typed; none of them beside another corpus."""
    typed = {key.partition(".")[2] for key in config["typed"] if key.startswith("negatives.")}
    stored = None
    if not {"data", "negatives"} & set(config["typed"]):
        stored = _stored(Path(config["checkpoint"]), "negatives")
    chosen = config["negatives"] if stored is None else stored
    return chosen | {key: config["negatives"][key] for key in typed}


def _trained_on(checkpoint: Path) -> dict[str, Any]:
    """Return the settings of the corpus a model was trained on, out of its package or its run's folder."""
    stored = _stored(checkpoint, "data")
    if stored is None:
        raise UserError(f"checkpoint={checkpoint}: does not tell what it was trained on; add data=")
    return stored


def _stored(checkpoint: Path, key: str) -> dict[str, Any] | None:
    """Return a group of the configuration a model was trained with, None where nothing tells it."""
    stored = package.about(checkpoint).get(key)
    beside = package.find(checkpoint).parent.parent / "config.yaml"
    if stored is None and beside.is_file():
        node = OmegaConf.select(OmegaConf.load(beside), key)
        stored = None if node is None else OmegaConf.to_container(node)
    return {str(name): value for name, value in stored.items()} if isinstance(stored, dict) else None
