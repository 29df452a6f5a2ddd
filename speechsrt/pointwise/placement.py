"""Which layer is of which kind: ordered rules over roles and names, settled before anything is built.

A network is described twice by the same code. The first time, on PyTorch's meta device, it only tells its
slots: the name, role and shape of every 1x1 it would like to have. The rules are laid over the slots, the
last rule that matches a slot wins, what no rule names is learned, and a rule that matches nothing is a
mistake. The second time the network is built with the layers so chosen, and never asks what it got.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from speechsrt.build import build, check_arguments, locate
from speechsrt.errors import UserError
from speechsrt.pointwise.base import Pointwise
from speechsrt.pointwise.generators import layer_seed

Factory = Callable[[str, str, int, int], nn.Module]
LEARNED = {"_target_": "speechsrt.pointwise.learned.Learned"}


@dataclass(frozen=True)
class Slot:
    """A place for a 1x1: the name and role the network gives it, and its shape."""

    name: str
    role: str
    in_channels: int
    out_channels: int

    def matches(self, pattern: str) -> bool:
        """Say whether a role, or a glob on names, means this slot."""
        return pattern == self.role or fnmatchcase(self.name, pattern)


@dataclass(frozen=True)
class Placed:
    """A slot and the layer that stands in it, with the factor on the learning rate of its weights."""

    slot: Slot
    layer: Pointwise
    rate: float = 1.0


@dataclass(frozen=True)
class Assembled:
    """A network and its 1x1s, in the order it asked for them."""

    network: nn.Module
    placed: list[Placed]


def assemble(make: Callable[[Factory], nn.Module], rules: Sequence[Mapping[str, Any]]) -> Assembled:
    """Build a network whose 1x1s follow the rules.

    Args:
        make: builds the network from a factory ``(name, role, in_channels, out_channels) -> layer``.
        rules: mappings with ``where`` (a role or glob, or a list), ``_target_``, the kind's settings and
            perhaps ``rate``, a factor on the learning rate.

    Raises:
        UserError: a rule without a match, or settings a layer cannot have; the message names the layer.
    """
    chosen = resolve(slots_of(make), rules)
    return _construct(make, lambda slot: place(slot, chosen[slot.name]))


def rebuild(make: Callable[[Factory], nn.Module], layers: Mapping[str, Mapping[str, Any]]) -> Assembled:
    """Build a network out of the settled settings of each of its layers, as a stored model names them."""

    def stored(slot: Slot) -> Placed:
        if slot.name not in layers:
            raise UserError(f"the stored model describes no layer {slot.name}, which its network needs")
        return settled(slot, layers[slot.name])

    return _construct(make, stored)


def settled(slot: Slot, node: Mapping[str, Any]) -> Placed:
    """Build the layer of one slot out of its settled settings, as a stored model describes it."""
    settings = {key: value for key, value in node.items() if key != "rate"}
    shape = {"in_channels": slot.in_channels, "out_channels": slot.out_channels}
    return Placed(slot, build(settings, slot.name, **shape), rate_of(node))


def _construct(make: Callable[[Factory], nn.Module], placed_in: Callable[[Slot], Placed]) -> Assembled:
    placed: list[Placed] = []

    def factory(name: str, role: str, in_channels: int, out_channels: int) -> nn.Module:
        placed.append(placed_in(Slot(name, role, in_channels, out_channels)))
        return placed[-1].layer

    return Assembled(make(factory), placed)


def slots_of(make: Callable[[Factory], nn.Module]) -> list[Slot]:
    """Return the slots of a network, without building its weights."""
    slots: list[Slot] = []

    def record(name: str, role: str, in_channels: int, out_channels: int) -> nn.Module:
        slots.append(Slot(name, role, in_channels, out_channels))
        return nn.Identity()

    with torch.device("meta"):
        make(record)
    return slots


def resolve(slots: Sequence[Slot], rules: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return for every slot's name the rule that holds there, the last match winning."""
    return {slot.name: LEARNED for slot in slots} | matched(slots, rules)


def matched(slots: Sequence[Slot], rules: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the rule that holds for the slots that a rule names, by their names.

    Raises:
        UserError: a rule matches nothing.
    """
    chosen: dict[str, Mapping[str, Any]] = {}
    for rule in rules:
        patterns = [rule["where"]] if isinstance(rule["where"], str) else rule["where"]
        if not patterns:
            raise UserError(_no_match("[]", slots))
        for pattern in patterns:
            found = [slot.name for slot in slots if slot.matches(pattern)]
            if not found:
                raise UserError(_no_match(pattern, slots))
            chosen.update(dict.fromkeys(found, rule))
    return chosen


def place(slot: Slot, rule: Mapping[str, Any]) -> Placed:
    """Build the layer of one slot; what the slot's shape cannot have is reported with the slot's name."""
    cls, settings = kind_of(slot, rule)
    try:
        layer = cls(slot.in_channels, slot.out_channels, **settings)
    except UserError as error:
        raise UserError(f"{error} (layer {slot.name})") from None
    return Placed(slot, layer, rate_of(rule))


def project(placed: Placed, rule: Mapping[str, Any]) -> tuple[Placed, float]:
    """Return the kind of a rule in the place of a layer, as near to its matrix as it comes, and the error."""
    cls, settings = kind_of(placed.slot, rule)
    try:
        layer, error = cls.from_dense(placed.layer.weight().detach(), **settings)
    except UserError as mistake:
        raise UserError(f"{mistake} (layer {placed.slot.name})") from None
    return Placed(placed.slot, layer, rate_of(rule)), error


def kind_of(slot: Slot, rule: Mapping[str, Any]) -> tuple[type[Pointwise], dict[str, Any]]:
    """Return the class of a rule and its settings for a slot, checked by the constructor's signature."""
    cls = locate(str(rule["_target_"]))
    if not issubclass(cls, Pointwise):
        raise UserError(f"pointwise._target_={rule['_target_']}: no kind of 1x1 layer (layer {slot.name})")
    settings = {key: value for key, value in rule.items() if key not in ("_target_", "where", "rate")}
    shape = {"in_channels": slot.in_channels, "out_channels": slot.out_channels}
    check_arguments(cls, settings | shape, "pointwise")
    if "seed" in inspect.signature(cls).parameters:
        settings["seed"] = layer_seed(settings.get("seed", 0), slot.name)
    return cls, settings


def rate_of(rule: Mapping[str, Any]) -> float:
    """Return a rule's factor on the learning rate; 1 where it says none."""
    rate = rule.get("rate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise UserError(f"pointwise.rate={rate}: a factor on the learning rate, above 0")
    return float(rate)


def _no_match(pattern: str, slots: Sequence[Slot]) -> str:
    roles = ", ".join(dict.fromkeys(slot.role for slot in slots))
    names = ", ".join(slot.name for slot in slots)
    return f"pointwise.where={pattern}: matches no layer of this network; roles: {roles}; names: {names}"
