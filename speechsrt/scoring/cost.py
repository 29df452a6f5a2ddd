"""What a model costs: weights trained and stored, arithmetic for a second of audio, layer by layer.

Counted are the layers that hold weights, as they run (normalisation is not folded away): every module that
tells its own cost for one frame, times the frames that pass through it, which a run over one silent clip
shows. A 1x1 of which only the matrix is used, as in a recurrent layer, is never called: its frames are those
of the layer around it. The front end, ReLU, sums of residual links and the mean over time are left out: they
are the same for every kind.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechsrt.pointwise.base import FLOAT_BITS, Cost, Pointwise


@dataclass(frozen=True)
class LayerCost:
    """A layer and its price; the arithmetic is for one clip."""

    name: str
    role: str
    kind: str
    shape: tuple[int, ...]
    cost: Cost


@torch.no_grad()
def layer_costs(
    network: nn.Module, features: Tensor, roles: Mapping[Pointwise, tuple[str, str]]
) -> list[LayerCost]:
    """Return the cost of every layer for features ``(1, T, C)``.

    Args:
        network: the network.
        features: what it is run over.
        roles: name and role of the 1x1s; other layers go by their module's name.
    """
    rows: dict[nn.Module, int] = {}

    def count(module: nn.Module, _inputs: object, output: Tensor) -> None:
        rows[module] = rows.get(module, 0) + output.shape[:-1].numel()

    priced = {module: name for name, module in network.named_modules() if _price(module) is not None}
    hooks = [module.register_forward_hook(count) for module in priced]
    was_training = network.training
    network.eval()(features)
    network.train(was_training)
    for hook in hooks:
        hook.remove()
    found = [(module, *_named(module, name, roles)) for module, name in priced.items()]
    passed = {module: _passed(module, name, network, rows) for module, name in priced.items()}
    return [_layer(module, name, role, passed[module]) for module, name, role in found]


def total(layers: list[LayerCost]) -> Cost:
    """Return the sum over the layers."""
    return sum((layer.cost for layer in layers), Cost())


def _passed(module: nn.Module, name: str, network: nn.Module, rows: Mapping[nn.Module, int]) -> int:
    """Return a module's frames; those of an uncalled 1x1 are the nearest enclosing priced module's."""
    if module in rows or not isinstance(module, Pointwise):
        return rows.get(module, 0)
    while name:
        name = name.rpartition(".")[0]
        around = network.get_submodule(name)
        if around in rows:
            return rows[around]
    return 0


def _price(module: nn.Module) -> Cost | None:
    """Return a module's cost for one frame, None where it holds no weights of its own."""
    if isinstance(module, nn.Linear):
        weights = module.weight.numel()
        biases = module.out_features if module.bias is not None else 0
        held = weights + biases
        return Cost(held, held, FLOAT_BITS * held, weights, held)
    cost = getattr(module, "cost", None)
    assert cost is not None or not list(module.parameters(recurse=False)), f"{module} tells no cost"
    return cost() if cost is not None else None


def _named(module: nn.Module, name: str, roles: Mapping[Pointwise, tuple[str, str]]) -> tuple[str, str]:
    return roles.get(module, (name, "")) if isinstance(module, Pointwise) else (name, "")


def _layer(module: nn.Module, name: str, role: str, rows: int) -> LayerCost:
    cost = _price(module)
    assert cost is not None
    kind = module.kind if isinstance(module, Pointwise) else type(module).__name__.lower()
    shape = _shape(module)
    work = Cost(
        cost.trained_weights,
        cost.total_weights,
        cost.stored_bits,
        cost.multiplications * rows,
        cost.additions * rows,
    )
    return LayerCost(name, role, kind, shape, work)


def _shape(module: nn.Module) -> tuple[int, ...]:
    if isinstance(module, Pointwise):
        return (module.out_channels, module.in_channels)
    return tuple(next(module.parameters(recurse=False)).shape)
