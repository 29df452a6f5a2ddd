"""Compare recognition runs scored on the same utterances: error rates, and differences to the first run.

    python scripts/compare_words.py RUN RUN ...

Each RUN is the folder of a `speechsrt train` or `evaluate`. Intervals are at 95 %, by bootstrap over
utterances; a difference resamples the same utterances of both runs.
"""

import json
import sys
from pathlib import Path

from rich.console import Console

from speechsrt.reports.tables import percent, table
from speechsrt.scoring.words import WordScore, paired_interval

COLUMNS = ["run", "WER [95 %]", "CER [95 %]", "WER, difference to the first", "trained", "stored bits"]


def score_of(run: Path) -> WordScore:
    """Return the score of a run by its transcripts."""
    rows = [json.loads(line) for line in (run / "transcripts.jsonl").read_text(encoding="utf-8").splitlines()]
    said, heard, files = ([row[key] for row in rows] for key in ("said", "heard", "file"))
    return WordScore(said, heard, files)


def line_of(run: Path, first: WordScore | None) -> tuple[str, ...]:
    """Return a run's line of the table."""
    metrics, score = json.loads((run / "metrics.json").read_text()), score_of(run)
    difference = ""
    if first is not None:
        gap, (low, high) = paired_interval(score, first)
        difference = f"{100 * gap:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
    return (
        run.name,
        percent(score.wer, score.wer_interval),
        percent(score.cer, score.cer_interval),
        difference,
        f"{metrics['trained_weights']:,}",
        f"{metrics['stored_bits']:,}",
    )


def main(runs: list[Path]) -> None:
    """Print the table."""
    first = score_of(runs[0])
    lines = [line_of(run, first if run is not runs[0] else None) for run in runs]
    Console(width=160, highlight=False, markup=False).print(table("same utterances", COLUMNS, lines))


if __name__ == "__main__":
    main([Path(run) for run in sys.argv[1:]])
