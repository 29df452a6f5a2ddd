"""Google's Speech Commands with all its words: V1-30 (v0.01) and V2-35 (v0.02).

One folder a word, files named `<speaker>_nohash_<n>.wav`. The corpus's own `validation_list.txt` and
`testing_list.txt` name the clips of those splits, speakers apart; everything else is for training
(Warden 2018, arXiv:1804.03209). Licence of the recordings: CC BY 4.0.
"""

import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from speechsrt.audio.files import probe
from speechsrt.corpora.download import Archive, Progress, provide
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.noise import NOISE_FOLDER, noise_by_split
from speechsrt.corpora.settings import check_positive, check_sample_rate, check_words, choose
from speechsrt.errors import UserError

STORE = "https://storage.googleapis.com/download.tensorflow.org/data/"
# Sizes and hashes: tensorflow_datasets/url_checksums/speech_commands.txt and
# torchaudio/datasets/speechcommands.py; the size of v0.01 is the server's own Content-Length. Of the v0.01
# test set neither is published.
ARCHIVES = {
    "0.01": Archive(
        STORE + "speech_commands_v0.01.tar.gz",
        1_489_096_277,
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "0.02": Archive(
        STORE + "speech_commands_v0.02.tar.gz",
        2_428_923_189,
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}


class SpeechCommands:
    """All words of one version of Speech Commands; `words` restricts them, `vocabulary` is what it holds."""

    task: ClassVar[str] = "keyword"
    lenient: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        version: str | float,
        vocabulary: Sequence[str],
        words: Sequence[str] | None = None,
        clip_seconds: float = 1.0,
        sample_rate: int = 16000,
    ):
        """Raises UserError naming the key of a setting that makes no sense."""
        self.name = name
        self.version = check_version(version)
        self.clip_seconds = check_positive(clip_seconds, "data.clip_seconds")
        self.sample_rate = check_sample_rate(sample_rate)
        self.words = check_words(words)
        self._labels = choose(check_words(vocabulary, "data.vocabulary") or (), self.words, name)

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The classes in order, known without looking at `data_root`."""
        return self._labels

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Scan the corpus below `data_root`; only `download=True` fetches it.

        Raises UserError for an absent corpus or word, and UnreadableAudioError for a damaged clip.
        """
        folder = provide_version(Path(data_root), self.version, self.name, download, progress)
        present, notes = present_words(folder, self._labels, self.words)
        splits = scan(folder, present, progress)
        return Contents(present, splits, noise_of(folder), notes=notes)


def check_version(version: str | float) -> str:
    """The version as text, `0.01` or `0.02`. Raises UserError for any other."""
    if str(version) not in ARCHIVES:
        raise UserError(
            f"data.version={version}: there is no such version; write one of {', '.join(ARCHIVES)}"
        )
    return str(version)


def provide_version(root: Path, version: str, name: str, download: bool, progress: Progress | None) -> Path:
    """The corpus folder of a version, unpacked or downloaded where allowed. Raises UserError where absent."""
    folder = Path(os.path.abspath(root)) / "SpeechCommands" / f"speech_commands_v{version}"
    command = f"speechsrt prepare data={name} {shlex.quote(f'data_root={root}')}"
    provide(ARCHIVES[version], folder, command, download, progress)
    return folder


def present_words(
    folder: Path, labels: Sequence[str], asked: Sequence[str] | None
) -> tuple[tuple[str, ...], list[str]]:
    """The labels that have clips in `folder`, and notes on the others.

    Raises UserError where a word asked for by name has none, or where no word is left.
    """
    present = tuple(word for word in labels if _has_clips(folder / word))
    absent = [word for word in labels if word not in present]
    if absent and asked is not None:
        raise UserError(
            f'data.words: "{absent[0]}" has no clips in {folder}; leave it out, or complete the corpus'
        )
    if not present:
        raise UserError(
            f"{folder}: holds no clips of any word of this corpus; move it away and prepare it again"
        )
    notes = [f"{folder.name}: no clips of {', '.join(absent)}: left out of the classes."] if absent else []
    return present, notes


def scan(folder: Path, words: Iterable[str], progress: Progress | None = None) -> dict[str, list[Clip]]:
    """Every clip of the words, sorted by path, in the corpus's own splits.

    Raises UserError where a list of a split is missing, UnreadableAudioError for a damaged clip.
    """
    lists = {split: _read_list(folder / f"{name}_list.txt") for split, name in _LISTS.items()}
    splits: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    paths = [f"{word}/{file}" for word in words for file in wav_names(folder / word)]
    for done, path in enumerate(paths):
        split = next((split for split, listed in lists.items() if path in listed), "train")
        splits[split].append(clip_of(folder / path, path.split("/")[0]))
        if progress and (done % 1000 == 999 or done + 1 == len(paths)):
            progress(f"scanning {folder.name}", done + 1, len(paths))
    return splits


def clip_of(path: Path, label: str) -> Clip:
    """The clip a whole file is, its speaker from `<speaker>_nohash_<n>`. Raises UnreadableAudioError."""
    speaker, marked, _ = path.name.partition("_nohash_")
    return Clip(str(path), probe(path).duration, label, speaker=speaker if marked else None)


def noise_of(folder: Path) -> dict[str, list[Clip]]:
    """The corpus's background noise, by split in disjoint stretches; no files, no stretches."""
    noise = folder / NOISE_FOLDER
    return noise_by_split(noise / name for name in wav_names(noise))


def wav_names(folder: Path) -> list[str]:
    """The names of a folder's wav files, sorted; none where there is no folder."""
    if not folder.is_dir():
        return []
    names = (entry.name for entry in os.scandir(folder))
    return sorted(name for name in names if name.lower().endswith(".wav") and not name.startswith("."))


_LISTS = {"validation": "validation", "test": "testing"}


def _has_clips(folder: Path) -> bool:
    return bool(wav_names(folder))


def _read_list(path: Path) -> frozenset[str]:
    try:
        return frozenset(path.read_text(encoding="utf-8").split())
    except FileNotFoundError:
        raise UserError(
            f"{path}: is missing, so the official splits are unknown; restore it from the archive"
        ) from None
