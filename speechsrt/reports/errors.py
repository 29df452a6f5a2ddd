"""`errors.txt`: what was said over what was heard, word under word, for every utterance of a split."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from rich.cells import cell_len

from speechsrt.reports.tables import cell, numeric_columns, percent

WIDTH = 100
WORD_COLUMNS = ("word", "said", "errors", "S", "D", "I", "mostly heard as")

Pair = tuple[str, str, str]


class Utterance(Protocol):
    """An utterance as its pairs: mark (S, D, I, or empty where right), word said, word heard."""

    @property
    def name(self) -> str:
        """The file's or the utterance's."""
        ...

    @property
    def pairs(self) -> Sequence[Pair]:
        """In the order of speaking; `said` is empty for an insertion, `heard` for a deletion."""
        ...

    @property
    def words(self) -> int:
        """Words said."""
        ...

    @property
    def errors(self) -> int:
        """Pairs with a mark."""
        ...

    @property
    def wer(self) -> float:
        """Errors for each word said."""
        ...


class Score(Protocol):
    """What is read of a scored split."""

    @property
    def utterances(self) -> Sequence[Utterance]:
        """All of them, in the order of the split."""
        ...

    def metrics(self) -> Mapping[str, Any]:
        """The rates, their intervals and the counts of `metrics.json`."""
        ...

    def worst(self, n: int = 50) -> Sequence[Utterance]:
        """Those with errors, worst first."""
        ...

    def most_wrong(self, n: int = 20) -> Sequence[tuple[str, int, int, int, int, int, str]]:
        """A row of `WORD_COLUMNS` for each word with errors, most errors first."""
        ...


def errors_text(score: Score, most: int = 100) -> str:
    """The text of `errors.txt`: totals, the `most` words most often wrong, and every utterance aligned.

    Both lines of an utterance have the same number of words: stars stand where the other line's word has no
    partner, so a program can read them back by splitting at white space. Lines are folded at 100 columns.
    """
    parts = [_totals(score.metrics()), _most_wrong(score, most), _READING, *map(_told, score.utterances)]
    return "\n\n".join(parts) + "\n"


_MOST_WRONG = (
    "The words most often wrong; an insertion counts for the word heard, any other for the one said:"
)
_READING = (
    "Every utterance, in the order of the split: name, word error rate, errors / words said; then what\n"
    "was said over what was heard. S: another word was heard. D (deleted): none was. I (inserted): a\n"
    "word was heard where none was said. An utterance without errors has what was said alone."
)


def _totals(metrics: Mapping[str, Any]) -> str:
    return "\n".join(
        [
            f"word error rate       {percent(metrics['wer'], metrics['wer_interval'])}",
            f"character error rate  {percent(metrics['cer'], metrics['cer_interval'])}",
            "in brackets the 95 % intervals, by bootstrap over the utterances",
            f"{metrics['utterances']:,} utterances, {metrics['words']:,} words: "
            f"{metrics['substitutions']:,} substituted (S), {metrics['deletions']:,} deleted (D), "
            f"{metrics['insertions']:,} inserted (I)",
        ]
    )


def _most_wrong(score: Score, most: int) -> str:
    rows = [[cell(value) for value in row] for row in score.most_wrong(most)]
    if not rows:
        return "No word is wrong."
    numeric = numeric_columns(len(WORD_COLUMNS), rows)
    return "\n".join([_MOST_WRONG, "", *_columns([WORD_COLUMNS, *rows], numeric, gap=2)])


def _told(utterance: Utterance) -> str:
    counts = f"{utterance.errors}/{utterance.words}"
    head = f"{utterance.name}  {percent(utterance.wer)}  {counts}"
    return "\n".join([head, *(line for lines in _folded(utterance) for line in lines)])


def _folded(utterance: Utterance) -> Iterator[list[str]]:
    """The alignment in blocks of lines; one line each where the whole utterance is right."""
    for pairs in _lines(utterance.pairs):
        said = ["said ", *(said or _stars(heard) for _, said, heard in pairs)]
        heard = ["heard", *(heard or _stars(said) for _, said, heard in pairs)]
        marks = ["", *(mark for mark, _, _ in pairs)]
        rows = [said, heard, marks] if utterance.errors else [said]
        yield [line for line in _columns(rows, [False] * len(said)) if line]


def _stars(word: str) -> str:
    return "*" * max(1, cell_len(word))


def _lines(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """The pairs in runs that fit a line; one that does not fit has a line of its own."""
    line: list[Pair] = []
    used = 0
    for pair in pairs:
        width = 1 + max(map(cell_len, pair))
        if line and used + width > WIDTH - len("heard"):
            yield line
            line, used = [], 0
        line.append(pair)
        used += width
    if line:
        yield line


def _columns(rows: Sequence[Sequence[str]], numeric: Sequence[bool], gap: int = 1) -> list[str]:
    """The rows as lines, each column as wide as its widest cell on a terminal, numbers to the right."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]

    def padded(text: str, width: int, right: bool) -> str:
        space = " " * (width - cell_len(text))
        return space + text if right else text + space

    return [(" " * gap).join(map(padded, row, widths, numeric)).rstrip() for row in rows]
