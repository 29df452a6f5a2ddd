"""``speechsrt evaluate``: score a trained model on a split."""

from typing import Any

from speechsrt.commands.corpus import corpus_of, hash_of, load_corpus, say_contents
from speechsrt.commands.results import print_metrics, write_results
from speechsrt.commands.runs import check_free, folder_of, start
from speechsrt.commands.screen import say, say_rejected
from speechsrt.commands.task import check_corpus, check_typed, named
from speechsrt.commands.trained_on import with_data
from speechsrt.commands.trainer import device_of
from speechsrt.errors import UserError
from speechsrt.export import package


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without reading the corpus."""
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to evaluate")
    device_of(config)
    check_free(folder_of(config))
    model = package.load(config["checkpoint"])
    task = named(model.task)
    check_typed(task, config)
    check_corpus(task, corpus_of(with_data(config, task, model)))


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Score, write the results into a new folder, and return what ``metrics.json`` holds.

    Where no ``data=`` is typed, the corpus is the one the model was trained on.
    """
    check(config)
    model = package.load(config["checkpoint"])
    task = named(model.task)
    config = with_data(config, task, model)
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
