"""What a model costs to run, counted layer by layer."""

from dataclasses import asdict
from typing import Any

import torch

from speechsrt.export.package import stored_bits
from speechsrt.models.model import SpeechModel
from speechsrt.scoring.cost import LayerCost, layer_costs, total


def costs_of(model: SpeechModel) -> list[LayerCost]:
    """Return what each layer costs for sound of the model's reference length."""
    device = next(model.parameters()).device
    samples = round(model.reference_seconds * model.sample_rate)
    features = model.hear(torch.zeros(1, samples, device=device))
    roles = {placed.layer: (placed.slot.name, placed.slot.role) for placed in model.placed}
    return layer_costs(model.network, features, roles)


def counts(model: SpeechModel, layers: list[LayerCost]) -> dict[str, Any]:
    """Return the counts of ``metrics.json``; arithmetic is for a second of audio."""
    cost = total(layers)
    return {
        "trained_weights": cost.trained_weights,
        "total_weights": cost.total_weights,
        "stored_bits": stored_bits(model, model.placed),
        "multiplications_per_second": round(cost.multiplications / model.reference_seconds),
        "additions_per_second": round(cost.additions / model.reference_seconds),
    }


def layer_rows(layers: list[LayerCost], seconds: float) -> list[dict[str, Any]]:
    """Return the layers as plain rows; arithmetic is for a second of audio."""
    rows = []
    for layer in layers:
        cost = asdict(layer.cost)
        cost["multiplications"] /= seconds
        cost["additions"] /= seconds
        rows.append(
            {"name": layer.name, "role": layer.role, "kind": layer.kind, "shape": list(layer.shape)} | cost
        )
    return rows
