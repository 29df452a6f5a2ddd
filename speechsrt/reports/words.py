"""The report of a recognition run: how good, how large, on what, and which words go wrong."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speechsrt.reports.errors import WORD_COLUMNS, Score, Utterance, errors_text
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import Aligned, Grid, Paragraph, Part, Section, write_report
from speechsrt.reports.run import cost_tiles, layers_section, run_section, settings_section, training_section
from speechsrt.reports.tables import ABSENT, cell, percent

MOST_UTTERANCES = 50


def words_report(
    path: str | os.PathLike[str],
    metrics: Mapping[str, Any],
    score: Score,
    history: Sequence[Mapping[str, object]],
    layers: Sequence[Mapping[str, Any]],
    config_text: str,
    more: Sequence[Section] = (),
) -> None:
    """Write the page at `path`, and `errors.txt` beside it.

    Args:
        path: Usually `report.html` in the run folder, which exists.
        metrics: The object of `metrics.json`.
        score: The transcripts of the split that `metrics` names.
        history: The rows of `metrics.csv`; none where nothing was trained.
        layers: One row a layer with the keys of `run.LAYER_COLUMNS`.
        config_text: The resolved configuration as YAML.
        more: What else the run tells, before the layers.

    Raises:
        OSError: the folder is absent or cannot be written.
    """
    write_atomically(Path(path).with_name("errors.txt"), errors_text(score).encode("utf-8", "replace"))
    title = f"Recognition: {metrics.get('data', ABSENT)}, {metrics.get('split', ABSENT)} split"
    sections = [
        run_section(metrics),
        training_section(history, metrics),
        Section("Errors", _errors(metrics)),
        Section("Worst utterances", _worst(score)),
        Section("Words most often wrong", _most_wrong(score)),
        *more,
        layers_section(layers),
        settings_section(config_text),
    ]
    write_report(path, title, _summary(metrics), sections)


_KEY = [("", "right", "right"), ("S", "substituted", "another"), ("D", "deleted", ""), ("I", "", "inserted")]


def _summary(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        ("word error rate, with its 95 % interval", percent(metrics.get("wer"), metrics.get("wer_interval"))),
        ("character error rate", percent(metrics.get("cer"))),
        ("words", cell(metrics.get("words"))),
        ("utterances", cell(metrics.get("utterances"))),
        *cost_tiles(metrics),
    ]


def _errors(metrics: Mapping[str, Any]) -> list[Part]:
    kinds = ("substitutions", "deletions", "insertions")
    words = metrics.get("words")
    rows = [
        (kind, count, percent(count / words) if count is not None and words else None)
        for kind, count in ((kind, metrics.get(kind)) for kind in kinds)
    ]
    text = (
        "Rates are errors over the whole split, not a mean over utterances. The character error rate, "
        f"{percent(metrics.get('cer'), metrics.get('cer_interval'))}, counts the spaces between words. The "
        "95 % intervals come from a bootstrap over the utterances: they say what other utterances of these "
        "speakers might give, not what other speakers would."
    )
    return [Grid(("errors", "count", "of the words said"), rows), Paragraph(text)]


def _worst(score: Score) -> list[Part]:
    wrong = sum(utterance.errors > 0 for utterance in score.utterances)
    if not wrong:
        return [Paragraph("None: every word was heard right.")]
    shown = score.worst(MOST_UTTERANCES)
    which = f"the worst {len(shown):,} are here" if len(shown) < wrong else "they are here"
    text = (
        f"Of {len(score.utterances):,} utterances {wrong:,} have errors: {which}, highest word error rate "
        "first. The file errors.txt beside this page has every utterance. Above what was said, below what "
        "was heard:"
    )
    return [Paragraph(text), Aligned("how to read it", _KEY), *(_aligned(utterance) for utterance in shown)]


def _aligned(utterance: Utterance) -> Aligned:
    counts = f"{percent(utterance.wer)}, errors/words {utterance.errors}/{utterance.words}"
    return Aligned(f"{utterance.name} · {counts}", utterance.pairs)


def _most_wrong(score: Score) -> list[Part]:
    rows = score.most_wrong()
    if not rows:
        return [Paragraph("None: every word was heard right.")]
    text = (
        "S, D and I count substitutions, deletions and insertions. An insertion counts for the word that was "
        "heard, other errors for the one that was said; errors.txt lists more words."
    )
    return [Paragraph(text), Grid(WORD_COLUMNS, rows)]
