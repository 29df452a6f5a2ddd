"""What the verbs need to know of a task: how to read its data, train, score and tell of it.

Keyword spotting (`keywords`) and recognition (`sentences`) are two answers to the same questions, so that
``train`` and ``evaluate`` are written once.
"""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from speechsrt.commands.foreign import check_typed
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Contents
from speechsrt.errors import UserError
from speechsrt.models.model import TASKS, SpeechModel, task_of
from speechsrt.reports.page import Section
from speechsrt.training.task import Recipe, SpeechTask

Rejected = list[tuple[str, str]]


class Task(ABC):
    """A task of this toolkit.

    Attributes:
        name: ``keyword`` or ``ctc``.
        scores: names of what the validation is told by; unless ``best_by`` names one the first tells the best
            epoch.
        sign: 1 where that one is to be high, -1 where low.
    """

    name: ClassVar[str]
    scores: ClassVar[tuple[str, ...]]
    sign: ClassVar[int]

    @abstractmethod
    def expected(self, config: dict[str, Any], corpus: Corpus, root: Path) -> dict[str, Any]:
        """Return what the model's outputs stand for as far as it shows before the corpus is read."""

    @abstractmethod
    def outputs(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, root: Path
    ) -> dict[str, Any]:
        """Return what the model's outputs stand for, as its constructor takes it."""

    @abstractmethod
    def read(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, split: str, model: SpeechModel
    ) -> tuple[Any, Rejected, list[str]]:
        """Return a split's data, the files left out, and what to say of it."""

    def waveform(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the node of the augmentation of waveforms that training applies to a batch."""
        return config["augment"]["waveform"]

    @abstractmethod
    def loader(self, config: dict[str, Any], data: Any, train: bool, rank: int = 0, world: int = 1) -> Any:
        """Return the batches of a split: in training mixed and augmented, else as they lie."""

    @abstractmethod
    def module(
        self, model: Any, recipe: Recipe, data: Any, compiled: bool, say: Callable[[str], None] | None
    ) -> SpeechTask:
        """Return the Lightning module."""

    @abstractmethod
    def score(self, config: dict[str, Any], model: Any, data: Any, device: torch.device) -> Any:
        """Return the score of a model on a split; it has ``metrics()``.

        Raises:
            NonFiniteLossError: the model's outputs are no numbers.
        """

    @abstractmethod
    def check_evaluated(self, model: Any, contents: Contents, corpus: Corpus) -> None:
        """Raise a UserError where a model cannot be scored on a corpus."""

    @abstractmethod
    def heard(self, model: Any) -> dict[str, Any]:
        """Return the settings of a corpus that a model's own hearing fixes."""

    @abstractmethod
    def report(
        self,
        folder: Path,
        metrics: dict[str, Any],
        score: Any,
        history: list[dict[str, object]],
        layers: list[dict[str, Any]],
        settings: str,
        more: Sequence[Section] = (),
    ) -> None:
        """Write the pages and pictures of a run folder."""

    @abstractmethod
    def summary(self, metrics: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the lines about the score that a run ends with."""


def named(name: str) -> Task:
    """Return a task by its name."""
    home = {"keyword": "keywords.Keywords", "ctc": "sentences.Sentences"}[name]
    module, _, cls = home.partition(".")
    return getattr(importlib.import_module(f"speechsrt.commands.{module}"), cls)()


def chosen(config: dict[str, Any]) -> Task:
    """Return the task that ``model=`` is for.

    Raises:
        UserError: a key that only another task uses is typed.
    """
    task = named(task_of(config["model"]))
    check_typed(task.name, config)
    return task


def check_corpus(task: Task, corpus: Corpus) -> None:
    """Raise a UserError where a corpus is one for another task."""
    if corpus.task != task.name:
        example = {"keyword": "matchboxnet_3x1x64", "ctc": "quartznet_small"}[corpus.task]
        raise UserError(
            f"data={corpus.name}: not for a model that {TASKS[task.name]}; write model={example} or the like"
        )
