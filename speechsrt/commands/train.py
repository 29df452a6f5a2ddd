"""``speechsrt train``: fit a model, then score the test split with the best checkpoint."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException

from speechsrt.build import build, check_arguments, locate
from speechsrt.commands.corpus import corpus_of, data_root, hash_of, load_corpus, say_contents, split_of
from speechsrt.commands.device import device_of
from speechsrt.commands.results import print_metrics, write_metrics, write_results
from speechsrt.commands.runs import check_free, folder_of, resumes, start
from speechsrt.commands.screen import console, is_interactive, output, say, say_rejected, silence
from speechsrt.commands.task import Task, check_corpus, chosen
from speechsrt.commands.trainer import settle_compile, trainer_of
from speechsrt.commands.weights import initial_model, settle_encoder_rate
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import SPLITS, Contents
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.kernels import keep_freed_memory
from speechsrt.loading.resident import read_noise
from speechsrt.models.model import TASKS, SpeechModel
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table
from speechsrt.training.checkpoints import Checkpoints
from speechsrt.training.history import History, columns, read_history
from speechsrt.training.spectra import Spectra
from speechsrt.training.task import Recipe


@dataclass(frozen=True)
class Plan:
    """A run about to begin: all that can be made, and found wrong, without reading the corpus."""

    config: dict[str, Any]
    notes: list[str]
    folder: Path
    checkpoint: Path | None
    task: Task
    corpus: Corpus
    recipe: Recipe
    checkpoints: Checkpoints
    trainer: L.Trainer

    @property
    def history(self) -> Path:
        """The file of the epochs."""
        return self.folder / "metrics.csv"


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong with a run, as far as that shows without reading the corpus."""
    plan(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Train, package and score; return what ``metrics.json`` holds.

    Of several processes only the first writes, scores and tells; the others return nothing.
    """
    keep_freed_memory()
    planned = plan(config)
    contents = load_corpus(config, planned.corpus)
    for split in SPLITS:
        split_of(contents, split, planned.corpus)
    settings = _fit(planned, contents)
    return _finish(planned, contents, settings) if planned.trainer.is_global_zero else {}


def plan(config: dict[str, Any]) -> Plan:
    """Make a run's parts, in an order that finds the cheapest mistakes first."""
    folder, checkpoint = folder_of(config), resumes(config)
    config, notes = settle_compile(config)
    task, corpus = chosen(config), corpus_of(config)
    check_corpus(task, corpus)
    expected = task.expected(config, corpus, data_root(config))
    initial_model(config, expected, checkpoint)
    config, said = settle_encoder_rate(config, expected, checkpoint)
    recipe = recipe_of(config, task)
    checkpoints = Checkpoints(
        folder / "checkpoints",
        _monitor(config["best_by"], task),
        task.sign,
        config["save_minutes"],
        config["early_stopping"],
    )
    say_epoch = None if is_interactive() else console.print
    callbacks: list[L.Callback] = [
        History(folder / "metrics.csv", task.scores, say_epoch),
        Spectra(folder / "spectra.csv"),
        checkpoints,
    ]
    trainer = trainer_of(config, folder, callbacks)
    if not trainer.is_global_zero:
        silence()
    elif checkpoint is None:
        check_free(folder)
    return Plan(config, notes + said, folder, checkpoint, task, corpus, recipe, checkpoints, trainer)


def _monitor(best_by: str | None, task: Task) -> str:
    """Return the name of the score that tells the best epoch."""
    if best_by is None:
        return task.scores[0]
    if f"val_{best_by}" not in task.scores:
        known = ", ".join(score.removeprefix("val_") for score in task.scores)
        raise UserError(f"best_by={best_by}: no score of a model that {TASKS[task.name]}; write {known}")
    return f"val_{best_by}"


def recipe_of(config: dict[str, Any], task: Task) -> Recipe:
    """Build the augmentations and the schedule, and try out the maker of the optimizer."""
    settings = {key: value for key, value in config["optim"].items() if key != "_target_"}
    optimizer = locate(config["optim"]["_target_"])
    check_arguments(optimizer, settings | {"params": []}, "optim")
    try:
        optimizer([torch.zeros(1, requires_grad=True)], **settings)
    except ValueError as error:
        raise UserError(f"optim: {error}; see conf/optim for what it takes") from None
    except IndexError:
        raise UserError("optim: a list is too short; see conf/optim for what it takes") from None
    return Recipe(
        waveform=build(task.waveform(config), "augment.waveform"),
        spectrogram=build(config["augment"]["spectrogram"], "augment.spectrogram"),
        optimizer=partial(optimizer, **settings),
        schedule=build(config["schedule"], "schedule").factor,
        label_smoothing=config["label_smoothing"],
        seed=config["seed"],
        encoder_rate=config["encoder_rate"],
    )


def _fit(plan: Plan, contents: Contents) -> str:
    """Run Lightning's loop in the run's folder, begun here; return the text of its configuration."""
    config, trainer, task = plan.config, plan.trainer, plan.task
    L.seed_everything(config["seed"], verbose=False)
    outputs = task.outputs(config, plan.corpus, contents, data_root(config))
    model, notes = initial_model(config, outputs, plan.checkpoint)
    plan.recipe.waveform.set_background(read_noise(contents.noise["train"], plan.corpus.sample_rate))
    train, unread, said = task.read(config, plan.corpus, contents, "train", model)
    validation, also_unread, also_said = task.read(config, plan.corpus, contents, "validation", model)
    settings = _begin(plan) if trainer.is_global_zero else ""
    say_contents(contents)
    say_rejected(unread + also_unread)
    say(plan.notes + notes + said + also_said)
    _print_layers(model)
    loader = task.loader(config, train, True, trainer.global_rank, trainer.world_size)
    module = task.module(model, plan.recipe, train, config["compile"], console.print)
    held_out = task.loader(config, validation, False)
    try:
        trainer.fit(module, loader, held_out, ckpt_path=plan.checkpoint, weights_only=True)
    except MisconfigurationException as error:  # such as fewer epochs than a resumed run has behind it
        raise UserError(f"trainer: {str(error).splitlines()[0]}") from None
    except SystemExit:  # what Lightning makes of Ctrl-C and of SIGTERM
        kept = plan.checkpoints.last.is_file()
        raise KeyboardInterrupt(f"go on with resume={plan.folder}" if kept else "nothing was saved") from None
    _keep_one(plan)
    return settings


def _begin(plan: Plan) -> str:
    settings = start(plan.config, plan.folder)
    plan.checkpoints.folder.mkdir(exist_ok=True)
    if not plan.history.exists():
        write_atomically(plan.history, f"{','.join(columns(plan.task.scores))}\n".encode())
    return settings


def _keep_one(plan: Plan) -> None:
    """Where no epoch ended, make the model as it is the best one. All processes save, or none."""
    if plan.checkpoints.best_epoch < 0:
        plan.checkpoints.save(plan.trainer, plan.checkpoints.last)
        if plan.trainer.is_global_zero:
            plan.checkpoints.copy(plan.checkpoints.last, plan.checkpoints.best)


def _finish(plan: Plan, contents: Contents, settings: str) -> dict[str, Any]:
    """Score the best model on the test split and write the folder's results."""
    config, model = plan.config, package.load(plan.checkpoints.best)
    say(_unfinished(model))
    history = read_history(plan.history)
    about = {
        "data": plan.corpus.name,
        "split": "test",
        "split_hash": hash_of(contents, "test"),
        "seed": config["seed"],
        "train_seconds": sum(float(row["seconds"]) for row in history),
        "epochs": len(history),
        "best_epoch": plan.checkpoints.best_epoch + 1,
    }
    data, unread, notes = plan.task.read(config, plan.corpus, contents, "test", model)
    say_rejected(unread)
    say(notes)
    result = plan.task.score(config, model, data, device_of(config))
    metrics = write_results(plan.folder, plan.task, about, model.cpu(), result, settings)
    beside = {"metrics": metrics, "data": config["data"], "negatives": config["negatives"]}
    package.save(model, plan.folder / "model.safetensors", beside)
    write_metrics(plan.folder, metrics)
    print_metrics(metrics, plan.task, plan.folder)
    return metrics


def _unfinished(model: SpeechModel) -> list[str]:
    """Return what to say of layers that are not yet what their settings promise."""
    names = [placed.slot.name for placed in model.placed if not placed.layer.settled]
    return [f"the run ended before the pruning of {', '.join(names)} was done"] if names else []


def _print_layers(model: SpeechModel) -> None:
    rows = []
    for placed in model.placed:
        slot, layer = placed.slot, placed.layer
        shape = f"{slot.out_channels} x {slot.in_channels}"
        settings = ", ".join(f"{key}={value}" for key, value in layer.settings().items())
        rows.append((slot.name, slot.role, shape, layer.kind, settings))
    output.print(table("1x1 layers", ["name", "role", "shape", "kind", "settings"], rows))
