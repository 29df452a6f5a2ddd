"""Detectors on real speech: words that only synthesis has taught, and ten words with and without negatives.

usage: python scripts/detectors.py [ROW ...] [--runs FOLDER]

Each row is trained by ``speechsrt train`` and made a detector by ``speechsrt calibrate``; its threshold comes
from the validation split of what it was trained on and from speech of half the speakers of LibriSpeech
train-clean-100. Then it hears, at that threshold, recordings of its words, other words, LibriSpeech dev-clean
and the noise files of Speech Commands. Utterances in whose transcript one of the words stands are left out.
``results/detectors/ROW.json`` keeps what came of it; rows that are there are skipped.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from few_shot import corpus

from speechsrt.audio.files import probe
from speechsrt.commands.hearing import hear
from speechsrt.corpora.manifest import SPLITS, Clip
from speechsrt.corpora.tracks import Piece, in_a_row
from speechsrt.export import package

ROOT = Path(__file__).parents[1]
TEN = ("bed", "cat", "down", "happy", "no", "off", "on", "stop", "up", "yes")
SPOKEN = ["data=keyword_folder", "data.synthesise=true", "data.clips_per_word=2000", "augment=rooms"]
RECORDED = ["data=speech_commands_v1", "trainer.max_epochs=10"]


@dataclass(frozen=True)
class Row:
    """A detector: its words, how it is trained, and whether recordings of its words were in that."""

    words: tuple[str, ...]
    overrides: list[str]
    recorded: bool = False
    negatives: bool = False


ROWS = {
    "happy": Row(("happy",), [*SPOKEN, "trainer.max_epochs=20"]),
    "happy_speech": Row(("happy",), [*SPOKEN, "trainer.max_epochs=20"], negatives=True),
    "marvin": Row(("marvin",), [*SPOKEN, "trainer.max_epochs=20"]),
    "marvin_speech": Row(("marvin",), [*SPOKEN, "trainer.max_epochs=20"], negatives=True),
    "ten": Row(TEN, RECORDED, recorded=True),
    "ten_negatives": Row(
        TEN,
        [*RECORDED, "negatives.noise=[background_noise]"],
        recorded=True,
        negatives=True,
    ),
}


def data() -> Path:
    """Return the folder of the corpora."""
    return Path(os.environ["SPEECHSRT_DATA"])


def without(words: Iterable[str], source: Path, folder: Path, half: int | None = None) -> Path:
    """Link the utterances of a LibriSpeech folder without any of the words; of half the speakers."""
    speakers = sorted(path.name for path in source.iterdir() if path.is_dir())
    kept = speakers if half is None else speakers[half::2]
    folder.mkdir(parents=True, exist_ok=True)
    for transcripts in sorted(source.rglob("*.trans.txt")):
        for line in transcripts.read_text().splitlines():
            name, _, text = line.partition(" ")
            said = {word.removesuffix("'S") for word in text.split()}
            link = folder / f"{name}.flac"
            if name.split("-")[0] in kept and not said & {w.upper() for w in words} and not link.exists():
                link.symlink_to(transcripts.parent / link.name)
    return folder


def speechsrt(log: Path, *words: str) -> None:
    """Run a command line; what it says goes to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as file:
        subprocess.run([sys.executable, "-m", "speechsrt.cli", *words], stdout=file, stderr=file, check=True)


def made(name: str, row: Row, runs: Path) -> tuple[Path, list[str]]:
    """Train and calibrate; return the detector's folder and the overrides of the training."""
    speech = data() / "LibriSpeech" / "train-clean-100"
    apart = [without(row.words, speech, runs / "speech" / f"{name}_{half}", half) for half in (0, 1)]
    overrides = [*row.overrides, f"data.words=[{','.join(json.dumps(word) for word in row.words)}]"]
    if row.negatives:
        also = ["other_words"] if row.recorded else []
        overrides.append(f"negatives.unknown=[{','.join([*also, str(apart[0])])}]")
    run, detector, log = runs / name, runs / f"{name}_detector", runs / f"{name}.log"
    if not (run / "metrics.json").is_file():
        speechsrt(log, "train", *overrides, f"run_dir={run}")
    if not (detector / "detector.json").is_file():
        speechsrt(
            log, "calibrate", f"checkpoint={run}", f"run_dir={detector}", f"validation_speech={apart[1]}"
        )
    return detector, overrides


def sounds(files: Iterable[Path]) -> list[Clip]:
    """Return whole files as clips of no word."""
    return [Clip(str(path), probe(path).duration, "") for path in sorted(files)]


def tracks(row: Row, runs: Path, name: str) -> Iterator[tuple[str, list[Piece]]]:
    """Yield what a detector is held against: recordings of its words, other words, speech, and noise."""
    own, every = corpus(row.words), corpus(None)
    splits = ("test",) if row.recorded else SPLITS
    yield "words", list(in_a_row([clip for split in splits for clip in own.splits[split]], row.words))
    others = [clip for clip in every.splits["test"] if clip.label not in row.words]
    yield "other_words", list(in_a_row(others, row.words))
    speech = without(row.words, data() / "LibriSpeech" / "dev-clean", runs / "speech" / f"{name}_dev")
    yield "speech", list(in_a_row(sounds(speech.glob("*.flac")), row.words))
    noise = [Piece(0.0, clip, None) for split in SPLITS for clip in every.noise[split]]
    yield "noise", noise
    yield "noise_held_out", [Piece(0.0, clip, None) for clip in every.noise["test"]]


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all, if none is named")
    parser.add_argument("--runs", type=Path, default=Path("runs/detectors"))
    typed = parser.parse_args()
    runs = typed.runs.absolute()
    if unknown := set(typed.rows) - set(ROWS):
        parser.error(f"{', '.join(unknown)}: no such row")
    for name in typed.rows or ROWS:
        result = ROOT / "results" / "detectors" / f"{name}.json"
        if result.is_file():
            continue
        row = ROWS[name]
        detector, overrides = made(name, row, runs)
        model = package.load_keywords(detector)
        assert model.operating is not None
        heard = {
            what: hear(model, model.operating, pieces, what, []).at(model.operating.threshold).plain()
            for what, pieces in tracks(row, runs, name)
        }
        kept = json.loads((detector / "detector.json").read_text())
        command = shlex.join(["speechsrt", "train", *overrides]).replace(str(runs), "RUNS")
        result.parent.mkdir(parents=True, exist_ok=True)
        result.write_text(
            json.dumps({"row": name, "command": command, **kept, "heard": heard}, indent=1) + "\n"
        )
        print(f"{name}: done", flush=True)


if __name__ == "__main__":
    main()
