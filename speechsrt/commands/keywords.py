"""Keyword spotting, as the verbs see it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from speechsrt.commands.corpus import read_split
from speechsrt.commands.task import Rejected, Task
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Contents
from speechsrt.errors import NonFiniteLossError, UserError
from speechsrt.loading.order import ResidentLoader
from speechsrt.loading.resident import ResidentClips
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.model import SpeechModel
from speechsrt.reports.keywords import keyword_report
from speechsrt.reports.page import Section
from speechsrt.reports.tables import percent
from speechsrt.scoring.keywords import KeywordScore
from speechsrt.training.history import KEYWORD_SCORES
from speechsrt.training.keyword_task import KeywordTask, probabilities
from speechsrt.training.task import Recipe


class Keywords(Task):
    """Clips of one length, a word each."""

    name: ClassVar[str] = "keyword"
    scores: ClassVar[tuple[str, ...]] = KEYWORD_SCORES
    sign: ClassVar[int] = 1

    def expected(self, config: dict[str, Any], corpus: Corpus, root: Path) -> dict[str, Any]:
        """Return the words and their clips' length."""
        return _outputs(corpus.labels(root), config)

    def outputs(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, root: Path
    ) -> dict[str, Any]:
        """Return the words that the corpus has, and their clips' length."""
        return _outputs(contents.labels, config)

    def read(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, split: str, model: SpeechModel
    ) -> tuple[ResidentClips, Rejected, list[str]]:
        """Return a split's clips in memory."""
        assert isinstance(model, KeywordModel)
        clips, rejected = read_split(contents, split, corpus, model.labels)
        return clips, rejected, []

    def loader(
        self, config: dict[str, Any], data: ResidentClips, train: bool, rank: int = 0, world: int = 1
    ) -> ResidentLoader:
        """Return batches of ``batch_size`` clips."""
        if not train:
            return ResidentLoader(data, config["batch_size"])
        mixed = {"shuffle": True, "balance": config["balance"], "seed": config["seed"]}
        return ResidentLoader(data, config["batch_size"], **mixed, rank=rank, world=world)

    def module(
        self,
        model: KeywordModel,
        recipe: Recipe,
        data: ResidentClips,
        compiled: bool,
        say: Callable[[str], None] | None,
    ) -> KeywordTask:
        """Return the Lightning module."""
        return KeywordTask(model, recipe, data.names, compiled)

    def score(
        self, config: dict[str, Any], model: KeywordModel, data: ResidentClips, device: torch.device
    ) -> KeywordScore:
        """Return the accuracy and all that goes with it."""
        chances = probabilities(model.to(device), self.loader(config, data.to(device), train=False))
        if not torch.isfinite(chances).all():
            raise NonFiniteLossError(
                "the model's outputs are not finite numbers: its weights have diverged; a lower optim.lr may "
                "help"
            )
        return KeywordScore(model.labels, data.label.cpu().numpy(), chances.double().numpy(), data.names)

    def check_evaluated(self, model: KeywordModel, contents: Contents, corpus: Corpus) -> None:
        """Raise a UserError where a corpus holds words that a model does not know."""
        strange = [word for word in contents.labels if word not in model.labels]
        shared = [word for word in contents.labels if word in model.labels]
        if strange:
            remedy = (
                f"data.words=[{','.join(shared)}]" if shared else f"a corpus of {', '.join(model.labels)}"
            )
            raise UserError(
                f"data={corpus.name}: the model does not know {', '.join(strange)}; score it with {remedy}"
            )

    def heard(self, model: KeywordModel) -> dict[str, Any]:
        """Return the sample rate and the clips' length."""
        return {"sample_rate": model.sample_rate, "clip_seconds": model.clip_seconds}

    def report(
        self,
        folder: Path,
        metrics: dict[str, Any],
        score: KeywordScore,
        history: list[dict[str, object]],
        layers: list[dict[str, Any]],
        settings: str,
        more: Sequence[Section] = (),
    ) -> None:
        """Write ``report.html`` and ``confusion.png``."""
        keyword_report(folder / "report.html", metrics, score, history, layers, settings, more)

    def summary(self, metrics: dict[str, Any]) -> list[tuple[str, str]]:
        """Return accuracy and number of clips."""
        return [
            ("accuracy", percent(metrics["accuracy"], tuple(metrics["accuracy_interval"]))),
            ("macro accuracy", percent(metrics["macro_accuracy"])),
            (f"clips ({metrics['split']})", f"{metrics['utterances']:,}"),
        ]


def _outputs(labels: tuple[str, ...], config: dict[str, Any]) -> dict[str, Any]:
    if len(labels) < 2:
        raise UserError(f"data.words=[{','.join(labels)}]: a model tells words apart; give it two at least")
    return {"labels": list(labels), "clip_seconds": float(config["data"]["clip_seconds"])}
