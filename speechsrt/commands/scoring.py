"""A model's score on clips, and what it costs to run, counted layer by layer."""

from dataclasses import asdict
from typing import Any

import torch

from speechsrt.errors import NonFiniteLossError
from speechsrt.export.package import stored_bits
from speechsrt.loading.order import ResidentLoader
from speechsrt.loading.resident import ResidentClips
from speechsrt.models.keyword import KeywordModel
from speechsrt.scoring.cost import LayerCost, layer_costs, total
from speechsrt.scoring.keywords import KeywordScore
from speechsrt.training.keyword_task import probabilities


def score(model: KeywordModel, clips: ResidentClips, batch_size: int, device: torch.device) -> KeywordScore:
    """Return the score of a model on clips.

    Raises:
        NonFiniteLossError: the model's probabilities are no numbers.
    """
    loader = ResidentLoader(clips.to(device), batch_size)
    chances = probabilities(model.to(device), loader)
    if not torch.isfinite(chances).all():
        raise NonFiniteLossError(
            "the model's outputs are not finite numbers: its weights have diverged; a lower optim.lr may help"
        )
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
        "multiplications_per_second": round(cost.multiplications / model.clip_seconds),
        "additions_per_second": round(cost.additions / model.clip_seconds),
    }


def layer_rows(layers: list[LayerCost], clip_seconds: float) -> list[dict[str, Any]]:
    """Return the layers as plain rows; arithmetic is for a second of audio."""
    rows = []
    for layer in layers:
        cost = asdict(layer.cost)
        cost["multiplications"] /= clip_seconds
        cost["additions"] /= clip_seconds
        rows.append(
            {"name": layer.name, "role": layer.role, "kind": layer.kind, "shape": list(layer.shape)} | cost
        )
    return rows
