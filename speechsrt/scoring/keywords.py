"""What a keyword model got right: accuracy with its interval, recall by word, and what it mistook for what.

A clip counts as its most probable word; on a tie, the first of those in `labels`. N clips, K words.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechsrt.scoring.intervals import wilson

FALSE_ALARMS = 0.01
"""Share of the clips with a false alarm at which false rejects are told."""


class WordRow(NamedTuple):
    """One word's share of the score: None where a rate divides by zero."""

    word: str
    clips: int
    precision: float | None
    recall: float | None


class Mistake(NamedTuple):
    """A clip the model got wrong, and how sure it was of the wrong word."""

    name: str
    truth: str
    predicted: str
    probability: float


@dataclass(frozen=True, eq=False)
class KeywordScore:
    """The predictions on one split, scored.

    Over no clips at all, the accuracies count as 0; the interval, (0, 1), says that nothing is known.

    Args:
        labels: The K words, in the order of the model's outputs.
        truth: (N,) index into `labels` of the word that was said.
        probabilities: (N, K), finite.
        names: The N clips' file names.

    Raises:
        ValueError: shapes that disagree, an index outside `labels`, or a probability that is not finite.
    """

    labels: tuple[str, ...]
    truth: NDArray[np.integer]
    probabilities: NDArray[np.floating]
    names: list[str]

    def __post_init__(self) -> None:
        clips, words = len(self.names), len(self.labels)
        if words == 0:
            raise ValueError("no labels to score against")
        if self.truth.shape != (clips,) or self.probabilities.shape != (clips, words):
            raise ValueError(
                f"{clips} names and {words} labels need truth ({clips},) and probabilities "
                f"({clips}, {words}), not {self.truth.shape} and {self.probabilities.shape}"
            )
        if not np.isin(self.truth, np.arange(words)).all():
            raise ValueError(f"truth holds an index outside 0..{words - 1}")
        if not np.isfinite(self.probabilities).all():
            raise ValueError("probabilities hold a value that is not finite")

    @property
    def predicted(self) -> NDArray[np.integer]:
        """(N,) index of the most probable word."""
        return self.probabilities.argmax(axis=1)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K) counts: row the word said, column the word heard."""
        counts = np.zeros((len(self.labels), len(self.labels)), np.int64)
        np.add.at(counts, (self.truth, self.predicted), 1)
        return counts

    @property
    def correct(self) -> int:
        """How many clips were heard as what was said."""
        return int((self.predicted == self.truth).sum())

    @property
    def accuracy(self) -> float:
        """Fraction of the clips that were right."""
        return self.correct / max(1, len(self.names))

    @property
    def accuracy_interval(self) -> tuple[float, float]:
        """Wilson's interval of the accuracy at 95 %."""
        return wilson(self.correct, len(self.names))

    @property
    def macro_accuracy(self) -> float:
        """Mean recall over the words that occur, each counting the same however many clips it has."""
        recalls = [row.recall for row in self.per_word() if row.recall is not None]
        return sum(recalls) / max(1, len(recalls))

    def false_rejects(self, alarms: float = FALSE_ALARMS) -> float:
        """Fraction of the clips whose word stays below the threshold of so many false alarms.

        A word is raised where its probability is above the threshold, one for all words. A clip has a false
        alarm where a word is raised that was not said; the threshold is the lowest at which no more than a
        share `alarms` of the clips has one.
        """
        clips = np.arange(len(self.names))
        own = self.probabilities[clips, self.truth]
        others = self.probabilities.copy()
        others[clips, self.truth] = -1.0
        rivals = np.sort(others.max(axis=1, initial=-1.0))[::-1]
        allowed = int(alarms * len(rivals))
        if allowed >= len(rivals):
            return 0.0
        return float((own <= rivals[allowed]).mean())

    def per_word(self) -> list[WordRow]:
        """One row a label, in the order of `labels`."""
        counts = self.confusion
        right, said, heard = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        return [
            WordRow(word, int(said[k]), _rate(right[k], heard[k]), _rate(right[k], said[k]))
            for k, word in enumerate(self.labels)
        ]

    def mistakes(self, n: int = 20) -> list[Mistake]:
        """The `n` wrong clips that the model was surest of, surest first."""
        heard = self.predicted
        wrong = np.flatnonzero(heard != self.truth)
        certainty = self.probabilities[wrong, heard[wrong]]
        surest = wrong[np.argsort(-certainty, kind="stable")[:n]]
        return [
            Mistake(
                self.names[i],
                self.labels[self.truth[i]],
                self.labels[heard[i]],
                float(self.probabilities[i, heard[i]]),
            )
            for i in surest
        ]

    def predictions(self) -> list[dict[str, str | int | float]]:
        """One row a clip, in the order of the split: what was said, what was heard, and how surely."""
        heard = self.predicted
        return [
            {
                "utterance": name,
                "said": self.labels[self.truth[i]],
                "heard": self.labels[heard[i]],
                "probability": round(float(self.probabilities[i, heard[i]]), 6),
                "errors": int(heard[i] != self.truth[i]),
                "words": 1,
            }
            for i, name in enumerate(self.names)
        ]

    def metrics(self) -> dict[str, int | float | list[float]]:
        """The part of `metrics.json` that only the predictions can tell."""
        return {
            "utterances": len(self.names),
            "accuracy": self.accuracy,
            "accuracy_interval": list(self.accuracy_interval),
            "macro_accuracy": self.macro_accuracy,
            "false_rejects": self.false_rejects(),
        }


def _rate(part: np.integer, whole: np.integer) -> float | None:
    return int(part) / int(whole) if whole else None
