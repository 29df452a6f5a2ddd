"""What a recogniser got wrong: word and character error rates with intervals, and the words they come from.

What was said and what was heard are aligned so that substitutions, deletions and insertions are as few as can
be, each counting one (Levenshtein's distance, through jiwer). The total of errors is then fixed; how it parts
into the three may differ from a scorer that weighs them, such as NIST's sclite.

A rate is taken over the whole split: all its errors over all that was said in it, not a mean over utterances,
so it may exceed 1. The character error rate counts the spaces between words as characters. Where nothing was
said at all, rates divide by 1.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechsrt.scoring.intervals import ratio_interval

if TYPE_CHECKING:
    from jiwer import AlignmentChunk

RIGHT, SUBSTITUTED, DELETED, INSERTED = "", "S", "D", "I"


class Pair(NamedTuple):
    """One column of an alignment: `said` is empty for an insertion, `heard` for a deletion.

    The mark is S, D or I, and empty where the word was heard right.
    """

    mark: str
    said: str
    heard: str


class WordRow(NamedTuple):
    """One word's share of the errors: an insertion is the word's that was heard, other errors the one's said.

    So the rows' errors add up to those of the split. `occurrences` counts how often the word was said,
    `heard_as` is what most often replaced it, empty where nothing did.
    """

    word: str
    occurrences: int
    errors: int
    substitutions: int
    deletions: int
    insertions: int
    heard_as: str


@dataclass(frozen=True)
class Utterance:
    """An utterance, word by word."""

    name: str
    pairs: tuple[Pair, ...]

    @property
    def words(self) -> int:
        """How many words were said."""
        return sum(pair.mark != INSERTED for pair in self.pairs)

    @property
    def errors(self) -> int:
        """How many substitutions, deletions and insertions there are."""
        return sum(pair.mark != RIGHT for pair in self.pairs)

    @property
    def wer(self) -> float:
        """Errors for each word said."""
        return self.errors / max(1, self.words)


class WordScore:
    """The transcripts of one split, scored; words are what stands between white space.

    The intervals are at 95 %, by bootstrap over the utterances (`ratio_interval`). Fewer than two utterances
    tell nothing of the spread: their interval reaches from 0 to 1, or to the rate where that is higher.

    Args:
        references: What was said in the N utterances, normalised.
        hypotheses: What was heard; an empty text is one where nothing was.
        names: The N utterances' names.

    Attributes:
        utterances: The N utterances with their words aligned.
        word_counts: (2, N): errors in words, and words said.
        character_counts: (2, N): errors in characters, and characters said, the spaces among them.

    Raises:
        ValueError: numbers of texts and names that disagree.
    """

    def __init__(self, references: list[str], hypotheses: list[str], names: list[str]) -> None:
        if not len(references) == len(hypotheses) == len(names):
            raise ValueError(
                f"{len(references)} references, {len(hypotheses)} hypotheses and {len(names)} names are not "
                "of the same utterances"
            )
        # Single spaces between the words: jiwer knows no other.
        self.references, self.hypotheses = (
            [" ".join(text.split()) for text in texts] for texts in (references, hypotheses)
        )
        self.names = names
        self.utterances = _aligned(self.references, self.hypotheses, names)
        self.word_counts = _counts([(utterance.errors, utterance.words) for utterance in self.utterances])
        self.character_counts = _counts(_character_errors(self.references, self.hypotheses))

    @property
    def wer(self) -> float:
        """Errors in words for each word said."""
        return _rate(self.word_counts)

    @property
    def cer(self) -> float:
        """Errors in characters for each character said."""
        return _rate(self.character_counts)

    @property
    def wer_interval(self) -> tuple[float, float]:
        """The interval of the word error rate at 95 %."""
        return _interval(self.word_counts)

    @property
    def cer_interval(self) -> tuple[float, float]:
        """The interval of the character error rate at 95 %."""
        return _interval(self.character_counts)

    def predictions(self) -> list[dict[str, str | int]]:
        """One row an utterance, in the order of the split: what was said, what was heard, errors in words."""
        errors, words = self.word_counts.tolist()
        columns = zip(self.names, self.references, self.hypotheses, errors, words, strict=True)
        keys = ("utterance", "said", "heard", "errors", "words")
        return [dict(zip(keys, row, strict=True)) for row in columns]

    def worst(self, n: int = 50) -> list[Utterance]:
        """The `n` utterances with the highest error rates, worst first; of equals, more errors first.

        Those without errors are left out.
        """
        wrong = [utterance for utterance in self.utterances if utterance.errors]
        return sorted(wrong, key=lambda utterance: (-utterance.wer, -utterance.errors))[:n]

    def most_wrong(self, n: int = 20) -> list[WordRow]:
        """The `n` words with the most errors, most first; of equals, the rarer first, then by alphabet."""
        pairs = [pair for utterance in self.utterances for pair in utterance.pairs]
        said = Counter(pair.said for pair in pairs)
        marks: dict[str, Counter[str]] = defaultdict(Counter)
        replaced: dict[str, Counter[str]] = defaultdict(Counter)
        for mark, word, heard in pairs:
            if mark != RIGHT:
                marks[word or heard][mark] += 1
            if mark == SUBSTITUTED:
                replaced[word][heard] += 1
        rows = [_word_row(word, said[word], marks[word], replaced[word]) for word in marks]
        return sorted(rows, key=lambda row: (-row.errors, row.occurrences, row.word))[:n]

    def metrics(self) -> dict[str, int | float | list[float]]:
        """The part of `metrics.json` that only the transcripts can tell."""
        marks = Counter(pair.mark for utterance in self.utterances for pair in utterance.pairs)
        return {
            "utterances": len(self.names),
            "words": int(self.word_counts[1].sum()),
            "wer": self.wer,
            "wer_interval": list(self.wer_interval),
            "cer": self.cer,
            "cer_interval": list(self.cer_interval),
            "substitutions": marks[SUBSTITUTED],
            "deletions": marks[DELETED],
            "insertions": marks[INSERTED],
        }


def paired_interval(
    first: WordScore, second: WordScore, level: float = 0.95
) -> tuple[float, tuple[float, float]]:
    """Word error rate of `first` less that of `second` on the same utterances, and its interval.

    Both are resampled together, so what makes an utterance hard for both cancels out (Bisani & Ney 2004):
    an interval that leaves out 0 tells two systems apart that their own intervals may not. Infinite for
    fewer than two utterances.

    Raises:
        ValueError: the two differ in their utterances or references, or `level` outside (0, 1).
    """
    if first.names != second.names or first.references != second.references:
        raise ValueError("a paired comparison needs the same utterances, in the same order, in both scores")
    parts, words = first.word_counts[0] - second.word_counts[0], first.word_counts[1]
    return first.wer - second.wer, ratio_interval(parts, words, level)


def _aligned(references: list[str], hypotheses: list[str], names: list[str]) -> list[Utterance]:
    import jiwer

    found = jiwer.process_words(references, hypotheses)
    # For no texts at all jiwer returns one empty alignment.
    texts = zip(names, found.references, found.hypotheses, found.alignments, strict=False)
    return [Utterance(name, tuple(_pairs(said, heard, chunks))) for name, said, heard, chunks in texts]


def _character_errors(references: list[str], hypotheses: list[str]) -> list[tuple[int, int]]:
    """Errors in characters and characters said, by utterance."""
    import jiwer

    found = jiwer.process_characters(references, hypotheses)
    return [
        (_distance(chunks), len(text)) for text, chunks in zip(references, found.alignments, strict=False)
    ]


def _counts(pairs: list[tuple[int, int]]) -> NDArray[np.int64]:
    """(2, N), also where N is 0."""
    return np.array(pairs, np.int64).reshape(-1, 2).T


def _pairs(said: list[str], heard: list[str], chunks: list["AlignmentChunk"]) -> Iterator[Pair]:
    marks = {"equal": RIGHT, "substitute": SUBSTITUTED, "delete": DELETED, "insert": INSERTED}
    for chunk in chunks:
        before = said[chunk.ref_start_idx : chunk.ref_end_idx]
        after = heard[chunk.hyp_start_idx : chunk.hyp_end_idx]
        for words in zip_longest(before, after, fillvalue=""):
            yield Pair(marks[chunk.type], *words)


def _distance(chunks: list["AlignmentChunk"]) -> int:
    return sum(
        max(chunk.ref_end_idx - chunk.ref_start_idx, chunk.hyp_end_idx - chunk.hyp_start_idx)
        for chunk in chunks
        if chunk.type != "equal"
    )


def _rate(counts: NDArray[np.int64]) -> float:
    """Errors over what was said, from (2, N) counts of both."""
    errors, said = counts.sum(axis=1)
    return float(errors / max(1, said))


def _interval(counts: NDArray[np.int64]) -> tuple[float, float]:
    if counts.shape[1] < 2:
        return 0.0, max(1.0, _rate(counts))
    errors, said = counts
    return ratio_interval(errors, said)


def _word_row(word: str, occurrences: int, marks: Counter[str], replaced: Counter[str]) -> WordRow:
    # Of equally frequent replacements the first by alphabet, whatever the order of the utterances.
    heard_as = min(replaced, key=lambda heard: (-replaced[heard], heard), default="")
    kinds = (marks[SUBSTITUTED], marks[DELETED], marks[INSERTED])
    return WordRow(word, occurrences, marks.total(), *kinds, heard_as)
