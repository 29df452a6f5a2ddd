"""A training step of this project as ``speechsrt train`` does it, for the steps of either network here."""

import argparse
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from parts import explain, mark, part
from rounds import serve
from torch import nn

from speechsrt import config as configuration
from speechsrt.kernels import keep_freed_memory
from speechsrt.models.separable import Depthwise, Norm
from speechsrt.pointwise.base import Pointwise
from speechsrt.training.task import SpeechTask

LAYERS: dict[type[nn.Module], str] = {
    Depthwise: "depthwise",
    Pointwise: "1x1",
    Norm: "normalisation",
    nn.Linear: "head",
}


class TrainingStep:
    """The step that Lightning's loop takes, without the loop.

    Args:
        task: the model and its recipe.
        batch: gives the next batch.
    """

    def __init__(self, task: SpeechTask, batch: Callable[[], Any]) -> None:
        self.task, self.batch = task, batch
        trained = [parameter for parameter in task.parameters() if parameter.requires_grad]
        self.weights = sum(parameter.numel() for parameter in trained)
        self.optimizer = task.recipe.optimizer(trained)

    def __call__(self) -> dict[str, float]:
        """Train on the next batch."""
        self.task.train()
        with part("batch"):
            batch = self.batch()
        loss = self.task.training_step(batch, 0)
        self.optimizer.zero_grad()
        loss.backward()
        with part("optimizer"):
            self.optimizer.step()
        return {"weights": self.weights, "loss": loss.item()}

    def mark_parts(self) -> None:
        """Tell a profile the parts of the step from one another."""
        mark(self.task.waveform_augment, "waveform augmentation")
        mark(self.task.model.features, "features")
        mark(self.task.spectrogram_augment, "masks")
        for module in self.task.model.network.modules():
            for kind, name in LAYERS.items():
                if isinstance(module, kind):
                    mark(module, name)


def arguments(description: str | None) -> argparse.Namespace:
    """Read the command line, and set PyTorch up as ``speechsrt train`` does."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    parser.add_argument("kind", help="of the 1x1s, such as ternary or low_rank:rank_ratio=0.25")
    parser.add_argument("--profile", type=int, metavar="STEPS", help="print where the time goes, and stop")
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore", "You are trying to `self.log")  # there is no trainer, on purpose
    keep_freed_memory()
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    return chosen


def settings(kind: str, *overrides: str) -> dict[str, Any]:
    """Return the configuration of a network with 1x1s of a kind."""
    name, *own = kind.split(":")
    return configuration.load([*overrides, f"pointwise={name}", *(f"pointwise.{text}" for text in own)])


def run(chosen: argparse.Namespace, train: TrainingStep, works: Mapping[str, Callable[[], Any]]) -> None:
    """Explain the step where that is asked for, else serve it and the other works."""
    if chosen.profile:
        train.mark_parts()
        explain(train, chosen.profile)
    else:
        serve({"train": train, **works})
