"""``speechsrt compress``: a trained model projected onto another kind of 1x1, then fine-tuned and scored.

The network, the words or the vocabulary, and every layer that no rule names stay those of the model. The
configuration is that of the model's run with what is typed laid over it. What is fine-tuned is an ordinary
run that begins with ``projected.safetensors``: it can be resumed, and ``trainer.max_epochs=0`` scores the
projection as it is.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechsrt import config as configuration
from speechsrt.commands import train
from speechsrt.commands.runs import check_free, folder_of
from speechsrt.commands.screen import output, say
from speechsrt.commands.spectra import draw_cut
from speechsrt.config.derived import derived, stored_beside
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.models.model import TASKS, SpeechModel, described
from speechsrt.pointwise.placement import Placed, matched, project
from speechsrt.pointwise.spectrum import ranks_within, singular_values
from speechsrt.reports.files import write_atomically
from speechsrt.reports.tables import table
from speechsrt.training.history import read_history

KEPT = {"model", "features"}
"""Groups that shape what a projection leaves as it is."""
PROJECTING = {"pointwise", "placement", "checkpoint", "weight_budget"}
"""Keys that say what to project and onto what; the training that follows knows nothing of them."""
FASTER, SLOWEST = 3.0, 0.1
"""The rate of the second stage, in last rates of the first (Kliegl et al. 2017, section 3), and its least
share of the optimizer's own."""


@dataclass(frozen=True)
class Projection:
    """A layer before and after, and how far the second is from the first."""

    before: Placed
    after: Placed
    error: float


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without projecting anything."""
    _prepared(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Project, train on, score; return what ``metrics.json`` holds."""
    fine, model, chosen, notes = _prepared(config)
    folder = folder_of(fine)
    found = [project(placed, chosen[placed.slot.name]) for placed in _named(model, chosen)]
    made = [
        Projection(before, after, error)
        for before, (after, error) in zip(_named(model, chosen), found, strict=True)
    ]
    begun = _rebuilt(model, made)
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "projected.safetensors"
    package.save(begun, place, {"data": fine["data"]})
    rows = [_row(projection) for projection in made]
    write_atomically(folder / "projection.json", (json.dumps(rows, indent=2) + "\n").encode())
    write_atomically(
        folder / "projection.png",
        draw_cut([p.before for p in made], [p.after for p in made], [p.error for p in made]),
    )
    _print(rows)
    say(notes)
    return train.run(fine | {"init_from": str(place.absolute()), "run_dir": str(folder)})


def _prepared(config: dict[str, Any]) -> tuple[dict[str, Any], SpeechModel, dict[str, Any], list[str]]:
    """Return the configuration of the run to come, the model, the rules of layers to project, notes."""
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to compress")
    check_free(folder_of(config))
    model = package.load(config["checkpoint"])
    file = package.find(config["checkpoint"])
    stored = stored_beside(file)
    _check_typed(config["typed"], model, stored)
    fine = config if stored is None else derived(config, stored)
    fine, notes = _paced(fine, config["typed"], file)
    typed = [key for key in config["typed"] if key.partition(".")[0] not in PROJECTING | KEPT]
    chosen = _rules(config, stored, model)
    fine = fine | {"typed": typed, "init_from": str(file.absolute())}
    fine |= {"checkpoint": None, "weight_budget": None}
    train.check(fine)
    return fine, model, chosen, notes


def _check_typed(typed: list[str], model: SpeechModel, stored: dict[str, Any] | None) -> None:
    roots = {key.partition(".")[0] for key in typed}
    for key in typed:
        if key.partition(".")[0] in KEPT and (key != "model" or stored is not None):
            raise UserError(f"{key}: compress keeps the network and its front end; leave it out")
    if not {"pointwise", "placement"} & roots:
        raise UserError("pointwise=: say what to project onto, such as pointwise=low_rank pointwise.rank=8")
    if stored is None and model.task != "keyword" and "model" not in typed:
        raise UserError(
            f"checkpoint=: lies in no run folder, so nothing tells how to train a model that "
            f"{TASKS[model.task]}; write model=quartznet_small or the like"
        )


def _rules(config: dict[str, Any], stored: dict[str, Any] | None, model: SpeechModel) -> dict[str, Any]:
    """Return the rule of every layer that is to be projected, by name."""
    typed = config["typed"]
    short, *more = configuration.rules(config)
    if stored is not None and "pointwise.where" not in typed:
        short |= {"where": stored["pointwise"]["where"]}
    wanted = any(key.partition(".")[0] == "pointwise" for key in typed)
    chosen = matched([placed.slot for placed in model.placed], [short, *more] if wanted else more)
    if not chosen:
        raise UserError("placement=[]: names no layer to project; write rules, or pointwise=")
    if config["weight_budget"] is not None:
        chosen = _budgeted(config["weight_budget"], chosen, model)
    return chosen


def _budgeted(budget: int, chosen: dict[str, Any], model: SpeechModel) -> dict[str, Any]:
    """Return the rules with the ranks that a budget of weights allows."""
    for name, rule in chosen.items():
        given = [key for key in ("rank", "rank_ratio", "explained_variance") if rule.get(key) is not None]
        if not rule["_target_"].endswith(".LowRank") or given:
            raise UserError(f"weight_budget={budget}: goes with low_rank without a rank alone (layer {name})")
    layers = {placed.slot.name: placed for placed in _named(model, chosen)}
    spectra = {name: _worth_it(p) for name, p in layers.items()}
    prices = {name: p.slot.in_channels + p.slot.out_channels for name, p in layers.items()}
    ranks = ranks_within(budget, spectra, prices)
    return {name: {**rule, "rank": ranks[name]} for name, rule in chosen.items()}


def _worth_it(placed: Placed) -> list[float]:
    """Return the singular values up to the rank at which the factors hold as much as the matrix."""
    slot = placed.slot
    most = max(1, slot.in_channels * slot.out_channels // (slot.in_channels + slot.out_channels))
    return singular_values(placed.layer.weight()).tolist()[:most]


def _paced(config: dict[str, Any], typed: list[str], file: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration with the learning rate of the second stage, and what to say of it."""
    history = read_history(file.parent / "metrics.csv") or read_history(file.parent.parent / "metrics.csv")
    if not history or {"optim", "optim.lr", "experiment", "model"} & set(typed):
        return config, []
    own, last = config["optim"]["lr"], float(history[-1]["lr"])
    rate = min(own, max(FASTER * last, SLOWEST * own))
    note = f"optim.lr={rate:g}: the run before ended with {last:g} and began with {own:g}; type it to choose"
    return config | {"optim": config["optim"] | {"lr": rate}}, [note]


def _named(model: SpeechModel, chosen: dict[str, Any]) -> list[Placed]:
    return [placed for placed in model.placed if placed.slot.name in chosen]


def _rebuilt(model: SpeechModel, made: list[Projection]) -> SpeechModel:
    """Return the model with its projected layers in place of the former ones."""
    names = {module: name for name, module in model.named_modules()}
    description, state = model.describe(), model.state_dict()
    for projection in made:
        module = names[projection.before.layer]
        state = {name: value for name, value in state.items() if not name.startswith(f"{module}.")}
        own = projection.after.layer.state_dict()
        state |= {f"{module}.{name}": value for name, value in own.items()}
        description["layers"][projection.before.slot.name] = described(projection.after)
    rebuilt = package.MODELS[model.task](**description)
    rebuilt.load_state_dict(state)
    return rebuilt


def _row(projection: Projection) -> dict[str, Any]:
    """Return what is told of a projected layer, as plain values."""
    before, after = projection.before.layer, projection.after.layer
    slot = projection.before.slot
    return {
        "name": slot.name,
        "role": slot.role,
        "shape": [slot.out_channels, slot.in_channels],
        "from": before.kind,
        "to": after.kind,
        "settings": after.settings(),
        "weights_before": before.cost().trained_weights,
        "weights": after.cost().trained_weights,
        "error": projection.error,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    lines = [
        (
            row["name"],
            row["role"],
            " x ".join(map(str, row["shape"])),
            row["from"],
            row["to"],
            ", ".join(f"{key}={value}" for key, value in row["settings"].items()),
            f"{row['weights_before']:,}",
            f"{row['weights']:,}",
            f"{row['error']:.4f}",
        )
        for row in rows
    ]
    columns = ["name", "role", "shape", "from", "to", "settings", "weights before", "after", "error"]
    output.print(table("projection: error is |W - W'| / |W|", columns, lines))
