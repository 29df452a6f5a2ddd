"""Score a model on a split and write what a run folder tells of it: metrics, report, confusion picture."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from speechsrt.commands.common import clips_root, commit, output, progress, say_rejected, split_of
from speechsrt.corpora.manifest import Clip, Contents, split_hash
from speechsrt.errors import UserError
from speechsrt.export.package import stored_bits
from speechsrt.loading.order import ResidentLoader
from speechsrt.loading.resident import ResidentClips, read_clips
from speechsrt.models.keyword import KeywordModel
from speechsrt.reports.files import write_atomically
from speechsrt.reports.keywords import keyword_report
from speechsrt.reports.tables import percent, short, table
from speechsrt.scoring.cost import LayerCost, layer_costs, total
from speechsrt.scoring.keywords import KeywordScore
from speechsrt.training.history import read_history
from speechsrt.training.keyword_task import probabilities


def read_split(contents: Contents, split: str, corpus: Any, model_labels: tuple[str, ...]) -> ResidentClips:
    """Read a split into memory; unreadable files of a user's own folder are listed and left out."""
    rejected: list[tuple[str, str]] | None = [] if getattr(corpus, "lenient", False) else None
    with progress() as report:
        clips = read_clips(
            split_of(contents, split), model_labels, corpus.sample_rate, corpus.clip_seconds, report, rejected
        )
    say_rejected(rejected or [])
    return clips


def score(model: KeywordModel, clips: ResidentClips, batch_size: int, device: torch.device) -> KeywordScore:
    """Return the score of a model on clips."""
    loader = ResidentLoader(clips.to(device), batch_size)
    chances = probabilities(model.to(device), loader)
    return KeywordScore(model.labels, clips.label.cpu().numpy(), chances.double().numpy(), clips.names)


def costs_of(model: KeywordModel) -> list[LayerCost]:
    """Return what each layer costs for one clip."""
    device = next(model.parameters()).device
    features = model.features(torch.zeros(1, model.samples, device=device))
    roles = {placed.layer: (placed.slot.name, placed.slot.role) for placed in model.placed}
    return layer_costs(model.network, features, roles)


def counts(model: KeywordModel, layers: list[LayerCost]) -> dict[str, Any]:
    """Return the counts of ``metrics.json``; arithmetic is for a second of audio."""
    cost = total(layers)
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    return {
        "trained_weights": trained,
        "total_weights": cost.total_weights,
        "stored_bits": stored_bits(model),
        "multiplications_per_second": cost.multiplications / model.clip_seconds,
        "additions_per_second": cost.additions / model.clip_seconds,
    }


def layer_rows(layers: list[LayerCost], clip_seconds: float) -> list[dict[str, Any]]:
    """Return the layers as plain rows; arithmetic is for a second of audio."""
    rows = []
    for layer in layers:
        cost = asdict(layer.cost)
        cost["multiplications"] /= clip_seconds
        cost["additions"] /= clip_seconds
        rows.append({"name": layer.name, "role": layer.role, "kind": layer.kind, "shape": list(layer.shape)} | cost)
    return rows


def same_words(contents: Contents, labels: tuple[str, ...], name: str) -> None:
    """Raise a UserError where a corpus holds words that a model does not know."""
    strange = [word for word in contents.labels if word not in labels]
    if strange:
        raise UserError(
            f"data={name}: the model does not know {', '.join(strange)}; "
            f"restrict it with data.words=[{','.join(word for word in contents.labels if word in labels)}]"
        )


def write_results(
    folder: Path, config: dict[str, Any], about: dict[str, Any], model: KeywordModel, result: KeywordScore, text: str
) -> dict[str, Any]:
    """Write ``metrics.json``, ``report.html`` and ``confusion.png``; return the metrics."""
    layers = costs_of(model)
    metrics = {"task": "keyword", "data": config["data"]["name"]} | about
    metrics |= result.metrics() | counts(model, layers) | {"commit": commit()}
    write_atomically(folder / "metrics.json", (json.dumps(metrics, indent=2, ensure_ascii=False) + "\n").encode())
    history: list[dict[str, object]] = [dict(row) for row in read_history(folder / "metrics.csv")]
    rows = layer_rows(layers, model.clip_seconds)
    keyword_report(folder / "report.html", metrics, result, history, rows, text)
    return metrics


def print_metrics(metrics: dict[str, Any], folder: Path) -> None:
    """Print a run's summary."""
    rows = [
        ("accuracy", percent(metrics["accuracy"], tuple(metrics["accuracy_interval"]))),
        ("macro accuracy", percent(metrics["macro_accuracy"])),
        (f"clips ({metrics['split']})", f"{metrics['utterances']:,}"),
        ("trained weights", f"{metrics['trained_weights']:,}"),
        ("stored bits", f"{metrics['stored_bits']:,}"),
        ("multiplications a second", short(metrics["multiplications_per_second"])),
        ("additions a second", short(metrics["additions_per_second"])),
        ("training", f"{metrics['epochs']} epochs, {metrics['train_seconds'] / 60:.1f} minutes"),
    ]
    output.print(table(f"{metrics['data']}, {metrics['split']}", ["", ""], rows))
    output.print(f"report: {folder / 'report.html'}", markup=False)


def hash_of(contents: Contents, clips: list[Clip]) -> str:
    """Return the hash of a split, the same wherever the corpus lies."""
    return split_hash(clips, clips_root(contents))


