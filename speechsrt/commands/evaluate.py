"""``speechsrt evaluate``: score a trained model on a split."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from speechsrt.commands.corpus import corpus_of, hash_of, load_corpus, say_contents
from speechsrt.commands.results import print_metrics, write_results
from speechsrt.commands.runs import check_free, folder_of, start
from speechsrt.commands.screen import say, say_rejected
from speechsrt.commands.task import Task, check_corpus, check_typed, named
from speechsrt.commands.trainer import device_of
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.model import SpeechModel


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without reading the corpus."""
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to evaluate")
    device_of(config)
    check_free(folder_of(config))
    model = package.load(config["checkpoint"])
    task = named(model.task)
    check_typed(task, config)
    check_corpus(task, corpus_of(_with_data(config, task, model)))


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Score, write the results into a new folder, and return what ``metrics.json`` holds.

    Where no ``data=`` is typed, the corpus is the one the model was trained on.
    """
    check(config)
    model = package.load(config["checkpoint"])
    task = named(model.task)
    config = _with_data(config, task, model)
    corpus = corpus_of(config)
    contents = load_corpus(config, corpus)
    task.check_evaluated(model, contents, corpus)
    data, unread, notes = task.read(config, corpus, contents, config["split"], model)
    folder = folder_of(config)
    settings = start(config, folder)
    say_contents(contents)
    say_rejected(unread)
    say(notes)
    result = task.score(config, model, data, device_of(config))
    trained = package.about(config["checkpoint"]).get("metrics", {})
    about = {
        "data": corpus.name,
        "split": config["split"],
        "split_hash": hash_of(contents, config["split"]),
        "seed": trained.get("seed", config["seed"]),
        "train_seconds": trained.get("train_seconds", 0.0),
        "epochs": trained.get("epochs", 0),
    }
    metrics = write_results(folder, task, about, model.cpu(), result, settings)
    print_metrics(metrics, task, folder)
    return metrics


def _with_data(config: dict[str, Any], task: Task, model: SpeechModel) -> dict[str, Any]:
    """Return the configuration with the corpus to score on, heard as the model hears.

    That is the corpus of ``data=``, else the model's own, with every ``data.KEY=`` that is typed.
    """
    heard = task.heard(model)
    typed = {key.partition(".")[2] for key in config["typed"] if key.startswith("data.")}
    chosen = config["data"] if "data" in config["typed"] else _trained_on(Path(config["checkpoint"]))
    data = chosen | heard | {key: config["data"][key] for key in typed}
    if data["sample_rate"] != model.sample_rate:
        raise UserError(
            f"data.sample_rate={data['sample_rate']}: the model hears {model.sample_rate} Hz; leave it out"
        )
    return config | {"data": data}


def _trained_on(checkpoint: Path) -> dict[str, Any]:
    """Return the settings of the corpus a model was trained on, out of its package or its run's folder."""
    stored = package.about(checkpoint).get("data")
    beside = package.find(checkpoint).parent.parent / "config.yaml"
    if stored is None and beside.is_file():
        stored = OmegaConf.to_container(OmegaConf.select(OmegaConf.load(beside), "data"))
    if not isinstance(stored, dict):
        raise UserError(f"checkpoint={checkpoint}: does not tell what it was trained on; add data=")
    return {str(key): value for key, value in stored.items()}
