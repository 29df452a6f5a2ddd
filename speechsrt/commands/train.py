"""``speechsrt train``: fit a keyword model, then score the test split with the best checkpoint."""

from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping


from speechsrt.build import build, check_arguments, locate
from speechsrt.commands import scoring
from speechsrt.commands.common import console, corpus_of, is_interactive, load_corpus, output
from speechsrt.commands.runs import begin, device_of, trainer_of, write_config
from speechsrt.commands.weights import initial_model
from speechsrt.corpora.manifest import Contents
from speechsrt.export import package
from speechsrt.kernels import keep_freed_memory
from speechsrt.loading.order import ResidentLoader
from speechsrt.loading.resident import read_noise
from speechsrt.models.keyword import KeywordModel
from speechsrt.reports.tables import table
from speechsrt.training.checkpoints import Checkpoints
from speechsrt.training.history import History, read_history
from speechsrt.training.keyword_task import KeywordTask, Recipe


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Train, package and score; return what ``metrics.json`` holds."""
    keep_freed_memory()
    config, folder, checkpoint = begin(config)
    corpus = corpus_of(config)
    contents = load_corpus(config, corpus)
    L.seed_everything(config["seed"], verbose=False)
    model = initial_model(config, contents.labels)
    recipe = recipe_of(config)
    text = write_config(config, folder)
    _print_layers(model)
    best = _fit(config, folder, model, recipe, corpus, contents, checkpoint)
    return _finish(config, folder, package.load(best), corpus, contents, text)


def recipe_of(config: dict[str, Any]) -> Recipe:
    """Build the augmentations, and check and prepare the makers of optimizer and schedule."""
    settings = {key: value for key, value in config["optim"].items() if key != "_target_"}
    optimizer = locate(config["optim"]["_target_"])
    check_arguments(optimizer, settings | {"params": []}, "optim")
    return Recipe(
        waveform=build(config["augment"]["waveform"], "augment.waveform"),
        spectrogram=build(config["augment"]["spectrogram"], "augment.spectrogram"),
        optimizer=partial(optimizer, **settings),
        schedule=build(config["schedule"], "schedule").factor,
        label_smoothing=config["label_smoothing"],
        seed=config["seed"],
    )


def _fit(
    config: dict[str, Any],
    folder: Path,
    model: KeywordModel,
    recipe: Recipe,
    corpus: Any,
    contents: Contents,
    checkpoint: Path | None,
) -> Path:
    """Run Lightning's loop and return the best checkpoint; without epochs, that of the model as it is."""
    recipe.waveform.set_background(read_noise(contents.noise["train"], corpus.sample_rate))
    train = scoring.read_split(contents, "train", corpus, model.labels)
    validation = scoring.read_split(contents, "validation", corpus, model.labels)
    history = History(folder / "metrics.csv", None if is_interactive() else partial(console.print, markup=False))
    checkpoints = Checkpoints(folder / "checkpoints", minutes=config["save_minutes"])
    checkpoints.folder.mkdir(exist_ok=True)
    callbacks: list[L.Callback] = [history, checkpoints]
    if config["early_stopping"] is not None:
        callbacks.append(EarlyStopping("val_accuracy", mode="max", patience=config["early_stopping"]))
    trainer = trainer_of(config, folder, callbacks)
    size, shares = config["batch_size"], {"rank": trainer.global_rank, "world": trainer.world_size}
    loader = ResidentLoader(train, size, True, config["balance"], config["seed"], **shares)
    task = KeywordTask(model, recipe, train.names, compiled=config["compile"])
    trainer.fit(task, loader, ResidentLoader(validation, size), ckpt_path=checkpoint, weights_only=True)
    if not checkpoints.best.is_file():
        checkpoints.save(trainer, checkpoints.last)
        checkpoints.keep(checkpoints.last)
    return checkpoints.best


def _finish(
    config: dict[str, Any], folder: Path, model: KeywordModel, corpus: Any, contents: Contents, text: str
) -> dict[str, Any]:
    """Score the best model on the test split and write the folder's results."""
    history = read_history(folder / "metrics.csv")
    about = {
        "split": "test",
        "split_hash": scoring.hash_of(contents, contents.splits["test"]),
        "seed": config["seed"],
        "train_seconds": sum(float(row["seconds"]) for row in history),
        "epochs": len(history),
    }
    clips = scoring.read_split(contents, "test", corpus, model.labels)
    result = scoring.score(model, clips, config["batch_size"], device_of(config))
    metrics = scoring.write_results(folder, config, about, model.cpu(), result, text)
    package.save(model, folder / "model.safetensors", {"metrics": metrics, "data": config["data"]})
    scoring.print_metrics(metrics, folder)
    return metrics


def _print_layers(model: KeywordModel) -> None:
    rows = [
        (p.slot.name, p.slot.role, f"{p.slot.out_channels} x {p.slot.in_channels}", p.layer.kind, p.layer.extra_repr())
        for p in model.placed
    ]
    output.print(table("1x1 layers", ["name", "role", "shape", "kind", "settings"], rows))


