"""``speechsrt calibrate``: make a detector of a keyword model, and tell how good a detector it is.

On the validation split a temperature is chosen that calibrates its probabilities, then the threshold for a
wanted rate of false alarms on a long track. On the test split misses and false alarms are counted, clean and
in noise. The package that is written holds both choices, and ``spot`` uses them.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from speechsrt.commands.corpus import corpus_of, load_corpus, read_split, say_contents
from speechsrt.commands.device import device_of
from speechsrt.commands.foreign import check_typed
from speechsrt.commands.hearing import hear
from speechsrt.commands.results import commit
from speechsrt.commands.runs import check_free, folder_of, start
from speechsrt.commands.screen import output, say, say_rejected
from speechsrt.commands.task import check_corpus, named
from speechsrt.commands.trained_on import with_data
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.manifest import Clip, Contents
from speechsrt.corpora.negatives import readable
from speechsrt.corpora.tracks import first_hours, in_a_row
from speechsrt.decoding.spotting import HOW, SILENCE, UNKNOWN, Operating, spotted_words
from speechsrt.errors import UserError
from speechsrt.export import package
from speechsrt.kernels import keep_freed_memory
from speechsrt.loading.resident import read_noise
from speechsrt.models.keyword import KeywordModel
from speechsrt.models.stream import Stream
from speechsrt.reports.detector import COLUMNS, chosen, det_picture, near_told, reliability_picture, sections
from speechsrt.reports.files import write_atomically
from speechsrt.reports.page import write_report
from speechsrt.reports.tables import percent, table
from speechsrt.scoring.calibration import best_temperature, reliability, tempered
from speechsrt.scoring.detector import Tracked, curve, threshold_for
from speechsrt.scoring.intervals import wilson

SNRS = (20.0, 10.0, 5.0, 0.0)
NOISY_HOURS = 0.5
"""So much of the test track is heard again at each of them."""
SPEECH = {"validation": "validation_speech", "test": "test_speech"}


def check(config: dict[str, Any]) -> None:
    """Raise a UserError for what is wrong, as far as that shows without reading the corpus."""
    _parts(config)


def run(config: dict[str, Any]) -> dict[str, Any]:
    """Choose, score, write; return what ``detector.json`` holds."""
    keep_freed_memory()
    model, how, config, corpus = _parts(config)
    folder = folder_of(config)
    contents = load_corpus(config, corpus)
    _check_words(model, contents, corpus)
    rejected: list[tuple[str, str]] = []
    speech = {split: _speech(config[key], key, rejected) for split, key in SPEECH.items()}
    start(config, folder)
    say_contents(contents)
    heard = {split: _clips(config, model, contents, corpus, split) for split in SPEECH}
    how = replace(how, temperature=best_temperature(*heard["validation"]))
    chances, truth = heard["test"]
    before, after = reliability(chances, truth), reliability(tempered(chances, how.temperature), truth)
    near = _set_apart(contents, speech)
    validation = _heard(model, how, contents, "validation", speech["validation"], rejected)
    how = replace(how, threshold=threshold_for(curve(validation), config["false_alarms"]))
    tests = {"clean": _heard(model, how, contents, "test", speech["test"], rejected)}
    noise = read_noise(contents.noise["test"], corpus.sample_rate)
    for snr in SNRS if len(noise) else ():
        tests[f"{snr:g} dB"] = _heard(model, how, contents, "test", speech["test"], [], noise, snr)
    told = {
        "operating": asdict(how),
        "false_alarms_wanted": config["false_alarms"],
        "calibration_error_before": before.error,
        "calibration_error": after.error,
        "validation": validation.at(how.threshold).plain(),
        "test": {name: track.at(how.threshold).plain() for name, track in tests.items()},
        "near": {split: _taken(model, how, clips, split) for split, clips in near.items() if clips},
        "commit": commit(),
    }
    say_rejected(rejected)
    if told["validation"]["alarms_an_hour"] > config["false_alarms"]:
        say([chosen(told)])
    model.operating = how
    about = package.about(config["checkpoint"]) | {"detector": told}
    package.save(model.cpu(), folder / "model.safetensors", about)
    _write(folder, told, tests, reliability_picture(before, after))
    return told


def _parts(config: dict[str, Any]) -> tuple[KeywordModel, Operating, dict[str, Any], Corpus]:
    """Return the model, where it is to run, how it is used, and the configuration with its corpus."""
    if config["checkpoint"] is None:
        raise UserError("checkpoint=: name a run folder, a .ckpt or a model.safetensors to calibrate")
    check_free(folder_of(config))
    model = package.load_keywords(config["checkpoint"]).to(device_of(config))
    task = named(model.task)
    check_typed(task.name, config)
    config = with_data(config, task, model)
    corpus = corpus_of(config)
    check_corpus(task, corpus)
    for key in SPEECH.values():
        if config[key] is not None and not Path(config[key]).is_dir():
            raise UserError(f"{key}={config[key]}: there is no such folder")
    how = replace(model.how, **{key: float(config[key]) for key in HOW if config[key] is not None})
    how = replace(how, step_seconds=Stream(model, how.step_seconds).step_seconds)
    return model, how, config, corpus


def _check_words(model: KeywordModel, contents: Contents, corpus: Corpus) -> None:
    """Raise a UserError for a word that the model does not know; its track may hold what is no word."""
    words = tuple(label for label in contents.labels if label not in (UNKNOWN, SILENCE))
    named(model.task).check_evaluated(model, replace(contents, labels=words), corpus)


def _speech(folder: str | None, key: str, rejected: list[tuple[str, str]]) -> list[Clip]:
    """Return the whole sound files of a folder."""
    if folder is None:
        return []
    return [Clip(path, seconds, UNKNOWN) for path, seconds in readable(Path(folder), rejected, key=key)]


def _clips(
    config: dict[str, Any], model: KeywordModel, contents: Contents, corpus: Corpus, split: str
) -> tuple[NDArray, NDArray]:
    """Return the probabilities of a split's clips of the model's classes, and these classes.

    What cannot be decoded is told, and leaves the split.
    """
    known = [clip for clip in contents.splits[split] if clip.label in model.labels]
    clips, rejected = read_split(replace(contents, splits={split: known}), split, corpus, model.labels)
    say_rejected(rejected)
    lost = {path for path, _ in rejected}
    contents.splits[split] = [clip for clip in contents.splits[split] if clip.path not in lost]
    score = named(model.task).score(config, model, clips, device_of(config))
    return score.probabilities, score.truth


def _set_apart(contents: Contents, speech: dict[str, list[Clip]]) -> dict[str, list[Clip]]:
    """Take the clips made to sound nearly like a word out of the splits, and return them.

    An hour of theirs is no hour that anyone hears: they say nothing of false alarms an hour. Where there is
    no other speech to choose the threshold by, they stay.
    """
    near = {split: [clip for clip in contents.splits[split] if clip.near] for split in SPEECH}
    validation = [*contents.splits["validation"], *speech["validation"]]
    if not any(clip.label == UNKNOWN and not clip.near for clip in validation):
        return {}
    for split in near:
        contents.splits[split] = [clip for clip in contents.splits[split] if not clip.near]
    return near


def _taken(model: KeywordModel, how: Operating, clips: list[Clip], split: str) -> dict[str, Any]:
    """Return how many clips made to sound nearly like a word are taken for one."""
    heard = hear(model, how, list(in_a_row(clips, ())), f"what is near the words ({split})", [])
    taken = min(len(clips), heard.at(how.threshold).alarms)
    return {"clips": len(clips), "taken": taken, "interval": list(wilson(taken, len(clips)))}


def _heard(
    model: KeywordModel,
    how: Operating,
    contents: Contents,
    split: str,
    speech: list[Clip],
    rejected: list[tuple[str, str]],
    noise: torch.Tensor | None = None,
    snr: float = 0.0,
) -> Tracked:
    """Hear the track of a split."""
    words = spotted_words(model.labels)
    pieces = list(in_a_row([*contents.splits[split], *speech], words))
    pieces = pieces if noise is None else list(first_hours(pieces, NOISY_HOURS))
    return hear(model, how, pieces, f"the {split} track", rejected, noise, snr)


def _rows(told: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, result in told["test"].items():
        low, high = result["alarms_interval"]
        yield (
            name,
            f"{result['said']:,}",
            percent(result["miss_rate"]),
            " to ".join(percent(end) for end in result["miss_interval"]),
            f"{result['hours']:.2f}",
            str(result["alarms"]),
            f"{result['alarms_an_hour']:.2f}",
            f"{low:.2f} to {high:.2f}",
        )


def _write(folder: Path, told: dict[str, Any], tests: dict[str, Tracked], trust: bytes) -> None:
    """Write what was found, and print it."""
    points = {
        name: [(result.alarms_an_hour, result.miss_rate) for _, result in curve(track)]
        for name, track in tests.items()
    }
    clean = told["test"]["clean"]
    det = det_picture(points, (clean["alarms_an_hour"], clean["miss_rate"]))
    rows = list(_rows(told))
    write_atomically(folder / "detector.json", (json.dumps(told, indent=2) + "\n").encode())
    write_atomically(folder / "det.png", det)
    write_atomically(folder / "reliability.png", trust)
    write_report(folder / "detector.html", "Detector", [], sections(told, rows, det, trust))
    output.print(table(f"threshold {told['operating']['threshold']:.4f}", COLUMNS, rows))
    say([near_told(told)] if "test" in told["near"] else [])
    output.print(f"detector: {folder / 'detector.html'}")
