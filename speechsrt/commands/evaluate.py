"""``speechsrt evaluate``: score a trained model on a split."""

from dataclasses import replace
from typing import Any

import torch

from speechsrt.commands.corpus import corpus_of, hash_of, load_corpus, say_contents
from speechsrt.commands.device import device_of
from speechsrt.commands.foreign import check_typed
from speechsrt.commands.results import print_metrics, write_metrics, write_results
from speechsrt.commands.runs import check_free, folder_of, start
from speechsrt.commands.screen import say, say_rejected
from speechsrt.commands.task import check_corpus, named
from speechsrt.commands.trained_on import with_data
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Contents
from speechsrt.decoding.spotting import SILENCE, UNKNOWN
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.loading.resident import read_noise
from speechsrt.models.keyword import KeywordModel


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without reading the corpus."""
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to evaluate")
    device_of(config)
    check_free(folder_of(config))
    model = package.load(config["checkpoint"])
    task = named(model.task)
    check_typed(task.name, config)
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
    if config["snr"] is not None:
        assert isinstance(model, KeywordModel)
        contents = _words_alone(contents, model)
    task.check_evaluated(model, contents, corpus)
    data, unread, notes = task.read(config, corpus, contents, config["split"], model)
    if config["snr"] is not None:
        data = data.over(_noise(config, contents, corpus), config["snr"])
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
        "best_epoch": trained.get("best_epoch", 0),
    }
    if config["snr"] is not None:
        about["snr"] = config["snr"]
    metrics = write_results(folder, task, about, model.cpu(), result, settings)
    write_metrics(folder, metrics)
    print_metrics(metrics, task, folder)
    return metrics


def _words_alone(contents: Contents, model: KeywordModel) -> Contents:
    """Return a corpus without the classes that came with its noise, where the model does not know them."""
    foreign = {UNKNOWN, SILENCE} - set(model.labels)
    splits = {
        split: [clip for clip in clips if clip.label not in foreign]
        for split, clips in contents.splits.items()
    }
    labels = tuple(label for label in contents.labels if label not in foreign)
    return replace(contents, labels=labels, splits=splits)


def _noise(config: dict[str, Any], contents: Contents, corpus: Corpus) -> torch.Tensor:
    """Return the noise of the split that is scored.

    Raises:
        UserError: it has none.
    """
    noise = read_noise(contents.noise.get(config["split"], []), corpus.sample_rate)
    if not len(noise):
        raise UserError(
            f"snr={config['snr']:g}: data={corpus.name} has no noise in its {config['split']} split; add "
            "negatives=corpus negatives.noise=[FOLDER], or leave it out"
        )
    return noise
