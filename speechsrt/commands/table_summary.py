"""A table's numbers: each row over its seeds, rows against one another, what was published."""

from collections.abc import Sequence
from dataclasses import dataclass

from speechsrt.build import suggest
from speechsrt.commands.table_results import Result, errors_of, words_of
from speechsrt.commands.table_rows import Row, Table
from speechsrt.errors import UserError
from speechsrt.reports.tables import short
from speechsrt.scoring.comparisons import Comparison, compare
from speechsrt.scoring.intervals import mean_interval

SCORES = {
    "validation": "validation, %",
    "validation_cer": "validation CER, %",
    "accuracy": "accuracy, %",
    "macro_accuracy": "macro accuracy, %",
    "false_rejects": "false rejects, %",
    "wer": "WER, %",
    "cer": "CER, %",
}
"""Fractions, told in percent with their intervals."""
ERRORS = ("false_rejects", "wer", "cer", "validation_cer")
"""Of these, the ones that are better where they are lower; validation is, where it is a WER."""
HEADS = SCORES | {
    "trained_weights": "trained weights",
    "total_weights": "weights",
    "stored_bits": "stored bits",
    "multiplications_per_second": "mult. / s",
    "additions_per_second": "add. / s",
    "operations": "operations / s",
    "cut_error": "error of the cut",
    "snr": "signal to noise, dB",
    "published": "published, %",
}
MAIN = ("accuracy", "wer", "cer", "validation", "validation_cer")
COUNTS = ("trained_weights", "total_weights", "stored_bits")
WORK = ("multiplications_per_second", "additions_per_second", "operations")


def main_score(table: Table) -> str:
    """Return the score that a table is about: that of the test split, unless it tells validation alone."""
    return next((score for score in MAIN if score in table.columns), "accuracy")


def check_columns(table: Table) -> None:
    """Raise a UserError for a column or an axis that no row can tell anything of."""
    known = {*HEADS, *(key for row in table.rows.values() for key in row.about)}
    axes = [plot[axis] for plot in table.plots for axis in ("x", "y") if axis in plot]
    for name in (*table.columns, *axes):
        if name not in known:
            raise UserError(f"table={table.name}: column {name}: no row tells it; {suggest(name, known)}")


@dataclass(frozen=True)
class Summary:
    """A row and its results, one a seed."""

    row: Row
    results: Sequence[Result]

    def number(self, key: str) -> float | None:
        """Return a column's number: the mean over the seeds, what was published, what the row says of it."""
        if not self.results:
            value = self.row.published.get(key, self.row.about.get(key))
            return value if isinstance(value, int | float) else None
        if key in self.row.about:
            value = self.row.about[key]
            return value if isinstance(value, int | float) else None
        values = [_value(result, key) for result in self.results]
        known = [value for value in values if value is not None]
        return sum(known) / len(known) if known else None

    def ends(self, key: str) -> tuple[float, float] | None:
        """Return the ends of a score's interval: Student's over seeds, of one that over its utterances."""
        if not self.results:
            half = self.row.published.get("half")
            mean = self.number(key)
            return None if half is None or mean is None else (mean - half, mean + half)
        values = [value for result in self.results if (value := _value(result, key)) is not None]
        if len(values) > 1:
            mean, half = mean_interval(values)
            return mean - half, mean + half
        ends = self.results[0].get(f"{key}_interval")
        return None if ends is None else (ends[0], ends[1])

    def text(self, key: str) -> str | int | None:
        """Return a column's cell."""
        if key == "published":
            return _published(self.row)
        if not self.results and key not in self.row.about and key not in self.row.published:
            return None
        value = self.number(key)
        if value is None:
            return None if key not in self.row.about else str(self.row.about[key])
        if key in SCORES:
            return self._score(key, value) if self.results else None
        if key in COUNTS:
            return round(value)
        return short(value) if key in WORK else f"{value:g}"

    def _score(self, key: str, mean: float) -> str:
        ends = self.ends(key)
        if ends is None:
            return f"{100 * mean:.2f}"
        if len(self.results) > 1:
            return f"{100 * mean:.2f} ± {50 * (ends[1] - ends[0]):.2f}"
        return f"{100 * mean:.2f} [{100 * ends[0]:.2f}, {100 * ends[1]:.2f}]"


def summaries(table: Table, results: dict[str, list[Result]]) -> list[Summary]:
    """Return the rows that have results or were published."""
    rows = [Summary(row, results.get(name, [])) for name, row in table.rows.items()]
    return [row for row in rows if row.results or row.row.overrides is None]


def comparisons(table: Table, results: dict[str, list[Result]]) -> list[tuple[str, str, Comparison]]:
    """Return how the pairs of rows compare that have seeds in common, on the same utterances."""
    found = []
    for first, second in table.compare:
        pairs = _paired(results.get(first, []), results.get(second, []))
        if pairs:
            errors, others = ([errors_of(pair[side]) for pair in pairs] for side in (0, 1))
            found.append((first, second, compare(errors, others, words_of(pairs[0][0]))))
    return found


def _paired(first: list[Result], second: list[Result]) -> list[tuple[Result, Result]]:
    """Return the results that share seed and clips, all of the clips of the first pair.

    Results of before there were tables tell no errors utterance by utterance; they are left out.
    """
    first, second = ([result for result in results if "errors" in result] for results in (first, second))
    others = {(result["seed"], *_clips(result)): result for result in second}
    keys = [(result["seed"], *_clips(result)) for result in first]
    pairs = [(result, others[key]) for result, key in zip(first, keys, strict=True) if key in others]
    return [pair for pair in pairs if _clips(pair[0]) == _clips(pairs[0][0])]


def _clips(result: Result) -> tuple[str, int]:
    """Return what tells the clips of a score: the split, and how many of it could be read."""
    return result["split_hash"], result["utterances"]


def _value(result: Result, key: str) -> float | None:
    if key == "operations":
        return result["multiplications_per_second"] + result["additions_per_second"]
    return result.get(key)


def _published(row: Row) -> str | None:
    told = row.published
    score = next((told[key] for key in SCORES if key in told), None)
    if score is None:
        return None
    half = f" ± {100 * told['half']:.2g}" if "half" in told else ""
    return f"{100 * score:.2f}{half} ({told['source']})"
