"""Recognition of sentences, as the verbs see it."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from speechsrt.build import build
from speechsrt.commands.corpus import split_of
from speechsrt.commands.screen import progress
from speechsrt.commands.task import Rejected, Task
from speechsrt.commands.vocabulary import lacking_notes, node_before, node_of
from speechsrt.corpora.alignable import unalignable
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Clip, Contents
from speechsrt.errors import NonFiniteLossError, UserError
from speechsrt.loading.bucketed import BucketedLoader
from speechsrt.loading.utterances import Utterances
from speechsrt.models.model import SpeechModel
from speechsrt.models.recogniser import Recogniser
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Section
from speechsrt.reports.tables import percent
from speechsrt.reports.words import words_report
from speechsrt.scoring.words import WordScore
from speechsrt.training.ctc_task import CtcTask, hypotheses
from speechsrt.training.history import CTC_SCORES
from speechsrt.training.task import Recipe


class Sentences(Task):
    """Utterances of any length with their transcripts."""

    name: ClassVar[str] = "ctc"
    scores: ClassVar[tuple[str, ...]] = CTC_SCORES
    sign: ClassVar[int] = -1

    def expected(self, config: dict[str, Any], corpus: Corpus, root: Path) -> dict[str, Any]:
        """Return a vocabulary of the kind chosen; subwords are learned later, from the corpus.

        Raises:
            UserError: it, or the decoder for it, cannot be built.
        """
        node = node_before(config)
        build(config["decoder"], "decoder", vocabulary=build(node, "text"))
        return {"vocabulary": node}

    def outputs(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, root: Path
    ) -> dict[str, Any]:
        """Return the vocabulary, learned from the training split where it is one of subwords."""
        return {"vocabulary": node_of(config, corpus.name, contents, root)}

    def read(
        self, config: dict[str, Any], corpus: Corpus, contents: Contents, split: str, model: SpeechModel
    ) -> tuple[Utterances, Rejected, list[str]]:
        """Return a split's utterances, in memory where they are few enough.

        From the training split those are left out that CTC cannot align at the fastest speed.
        """
        assert isinstance(model, Recogniser)
        clips = split_of(contents, split, corpus)
        rejected: Rejected = []
        if split == "train":
            clips, rejected = alignable(clips, model, max(speeds(config)))
        if not clips:
            raise UserError(f"data={corpus.name}: nothing of its {split} split can be aligned with its text")
        notes = lacking_notes(split, [clip.label for clip in clips], model.vocabulary)
        utterances = Utterances(clips, model.vocabulary.encode, model.sample_rate)
        if utterances.seconds.sum() <= 3600 * config["hold_hours"]:
            with progress() as report:
                utterances = utterances.hold(report, rejected if corpus.lenient else None)
        return utterances, rejected, notes

    def waveform(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return the augmentation without the speed, which the loader sees to: it changes lengths."""
        return config["augment"]["waveform"] | {"speed": None}

    def loader(
        self, config: dict[str, Any], data: Utterances, train: bool, rank: int = 0, world: int = 1
    ) -> BucketedLoader:
        """Return batches of ``batch_seconds`` of sound."""
        workers = 0 if data.held is not None else config["workers"]
        if not train:
            return BucketedLoader(data, config["batch_seconds"], workers=workers)
        mixed: dict[str, Any] = {"shuffle": True, "speeds": speeds(config), "seed": config["seed"]}
        return BucketedLoader(data, config["batch_seconds"], **mixed, workers=workers, rank=rank, world=world)

    def module(
        self,
        model: Recogniser,
        recipe: Recipe,
        data: Utterances,
        compiled: bool,
        say: Callable[[str], None] | None,
    ) -> CtcTask:
        """Return the Lightning module."""
        return CtcTask(model, recipe, data.names, compiled, say)

    def score(
        self, config: dict[str, Any], model: Recogniser, data: Utterances, device: torch.device
    ) -> WordScore:
        """Return error rates and alignments; the decoder is that of ``decoder=``."""
        decoder = build(config["decoder"], "decoder", vocabulary=model.vocabulary)
        texts = hypotheses(model.to(device), self.loader(config, data, train=False), decoder)
        if any(not torch.isfinite(parameter).all() for parameter in model.parameters()):
            raise NonFiniteLossError(
                "the model's weights are not finite numbers: it has diverged; a lower optim.lr may help"
            )
        return WordScore(data.texts, [texts[number] for number in range(len(data))], data.names)

    def check_evaluated(self, model: Recogniser, contents: Contents, corpus: Corpus) -> None:
        """Do nothing: any text can be scored, and what the vocabulary lacks is told."""

    def heard(self, model: Recogniser) -> dict[str, Any]:
        """Return the sample rate."""
        return {"sample_rate": model.sample_rate}

    def report(
        self,
        folder: Path,
        metrics: dict[str, Any],
        score: WordScore,
        history: list[dict[str, object]],
        layers: list[dict[str, Any]],
        settings: str,
        more: Sequence[Section] = (),
    ) -> None:
        """Write ``report.html``, ``errors.txt``, and ``transcripts.jsonl`` for programs."""
        rows = zip(score.names, score.references, score.hypotheses, strict=True)
        texts = [
            json.dumps({"file": f, "said": s, "heard": h}, ensure_ascii=False) + "\n" for f, s, h in rows
        ]
        write_atomically(folder / "transcripts.jsonl", "".join(texts).encode())
        words_report(folder / "report.html", metrics, score, history, layers, settings, more)

    def summary(self, metrics: dict[str, Any]) -> list[tuple[str, str]]:
        """Return the error rates and the number of words."""
        return [
            ("word error rate", percent(metrics["wer"], tuple(metrics["wer_interval"]))),
            ("character error rate", percent(metrics["cer"], tuple(metrics["cer_interval"]))),
            (f"utterances ({metrics['split']})", f"{metrics['utterances']:,}, {metrics['words']:,} words"),
        ]


def speeds(config: dict[str, Any]) -> list[float]:
    """Return the factors of speed that training draws from."""
    return config["augment"]["waveform"]["speed"] or [1.0]


def alignable(clips: list[Clip], model: Recogniser, speed: float) -> tuple[list[Clip], Rejected]:
    """Return the clips that a model can learn at a speed, and the others with the reason."""

    def frames_of(seconds: float) -> int:
        return int(model.frames(torch.tensor(int(seconds * model.sample_rate / speed))))

    too_short = unalignable(clips, model.vocabulary.encode, frames_of)
    left_out = {id(clip) for clip, _ in too_short}
    reasons = [(clip.path, reason) for clip, reason in too_short]
    return [clip for clip in clips if id(clip) not in left_out], reasons
