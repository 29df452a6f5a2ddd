"""What every model of this toolkit is: a front end, a network with its 1x1s, and a description of both.

The same object is trained, scored, stored and shipped. It is described by plain values (`describe`), and what
a ternary layer is drawn from is part of the description.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from speechsrt.build import build, locate
from speechsrt.errors import UserError
from speechsrt.pointwise.placement import Factory, Placed, assemble, rebuild

TASKS = {"keyword": "spots keywords", "ctc": "recognises sentences"}


class SpeechModel(nn.Module, ABC):
    """Front end and network.

    Args:
        features: the front end's node (`speechsrt.build`).
        network: the network's node; ``features`` and ``classes`` are filled in here.
        classes: number of outputs.
        rules: placement rules for the 1x1s; or
        layers: the settled settings of every 1x1, from a stored description.

    Raises:
        UserError: the network is one for another task.
    """

    task: ClassVar[str]
    features: Any
    network: Any

    def __init__(
        self,
        features: Mapping[str, Any],
        network: Mapping[str, Any],
        classes: int,
        rules: Sequence[Mapping[str, Any]] = (),
        layers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__()
        if task_of(network) != self.task:
            raise UserError(f"model={network['_target_']}: not a network that {TASKS[self.task]}")
        self.network_node = dict(network)
        self.features = build(features, "features")

        def make(factory: Factory) -> nn.Module:
            return build(network, "model", make=factory, features=self.features.channels, classes=classes)

        built = assemble(make, rules) if layers is None else rebuild(make, layers)
        self.network, self.placed = built.network, built.placed

    @property
    def sample_rate(self) -> int:
        """Samples a second of the waveforms."""
        return self.features.sample_rate

    @property
    @abstractmethod
    def reference_seconds(self) -> float:
        """Length of sound by which a model's speed and arithmetic are told."""

    @abstractmethod
    def hear(self, waveform: Tensor) -> Tensor:
        """Return what the network gets of waveforms ``(B, samples)`` of one length."""

    def describe(self) -> dict[str, Any]:
        """Return plain values from which this model is built again, weights apart."""
        front = {"_target_": target_of(self.features)} | self.features.settings()
        return {
            "features": front,
            "network": self.network_node,
            "layers": {placed.slot.name: described(placed) for placed in self.placed},
        }


def task_of(network: Mapping[str, Any]) -> str:
    """Return the task that a network's node is for, ``keyword`` or ``ctc``."""
    return getattr(locate(str(network["_target_"])), "task", "none")


def target_of(thing: object) -> str:
    """Return the dotted name of an object's class."""
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def described(placed: Placed) -> dict[str, Any]:
    """Return the settled settings of a layer, as a description keeps them."""
    rate = {} if placed.rate == 1 else {"rate": placed.rate}
    return {"_target_": target_of(placed.layer)} | placed.layer.settings() | rate
