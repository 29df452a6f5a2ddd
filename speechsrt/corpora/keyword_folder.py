"""A person's own words: `<root>/<word>/**/*`, sound files of any rate, length, channels and format.

What cannot be read is listed with its reason and left out. Where the folder brings `train`, `validation` and
`test` (each holding word folders) they are the splits. Otherwise clips are dealt out by a stable hash: by
speaker where most files are named `<speaker>_nohash_<n>`, else by path; a clip stays where it is when others
are added. `_background_noise_` beside the words is noise.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from speechsrt.audio.files import UnreadableAudioError, probe
from speechsrt.corpora.download import Progress
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.noise import NOISE_FOLDER, noise_by_split
from speechsrt.corpora.settings import (
    check_number,
    check_positive,
    check_sample_rate,
    check_words,
    choose,
    suggest,
)
from speechsrt.corpora.stable import LEAST, assign
from speechsrt.errors import UserError


class KeywordFolder:
    """A folder of word folders at `root`; `validation` and `test` are fractions dealt out to those splits."""

    task: ClassVar[str] = "keyword"
    lenient: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        root: str | None = None,
        words: Sequence[str] | None = None,
        validation: float = 0.1,
        test: float = 0.1,
        clip_seconds: float = 1.0,
        sample_rate: int = 16000,
    ):
        """Raises UserError naming the key of a setting that makes no sense."""
        self.name = name
        self.root = None if root is None else Path(os.path.abspath(Path(str(root)).expanduser()))
        self.words = check_words(words)
        self.fractions = check_fractions(validation, test)
        self.clip_seconds = check_positive(clip_seconds, "data.clip_seconds")
        self.sample_rate = check_sample_rate(sample_rate)

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The names of the word folders, sorted; `data_root` is not used. Raises UserError as `load` does."""
        root = self._root()
        found = words_below(root)
        if not found:
            raise UserError(
                f"data.root={root}: holds no word folders; make one folder a word, with its clips inside"
            )
        for word in self.words or ():
            if word not in found:
                raise UserError(f'data.words: there is no folder "{word}" in {root}; {suggest(word, found)}')
        return choose(found, self.words, f"data.root={root}")

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Scan the folder. Raises UserError if it is missing or empty, or a word has no readable clip."""
        labels, root = self.labels(data_root), self._root()
        folders = _split_folders(root)
        rejected = _stray_files(root)
        clips = {split: _scan(folder, labels, rejected, progress) for split, folder in folders.items()}
        _check_every_word(root, labels, clips, rejected)
        if set(clips) == set(SPLITS):
            splits, notes = clips, []
        else:
            splits, notes = deal(clips[""], root, self.fractions)
        notes += _missing_notes(labels, splits) + self._length_notes(splits)
        return Contents(labels, splits, _noise(root / NOISE_FOLDER, rejected), rejected, notes)

    def _root(self) -> Path:
        if self.root is None:
            raise UserError(
                "data.root is not set; write data.root=FOLDER, the folder that holds a folder for each word"
            )
        if not self.root.is_dir():
            raise UserError(
                f"data.root={self.root}: there is no such folder; write the one that holds the word folders"
            )
        return self.root

    def _length_notes(self, splits: Mapping[str, Sequence[Clip]]) -> list[str]:
        everything = [clip for clips in splits.values() for clip in clips]
        longer = [clip for clip in everything if clip.duration > self.clip_seconds + 0.01]
        if not longer:
            return []
        longest = max(clip.duration for clip in longer)
        return [
            f"{len(longer)} of {len(everything)} clips exceed data.clip_seconds={self.clip_seconds:g} "
            f"(the longest {longest:.2f} s) and are cut to it."
        ]


def words_below(root: Path) -> list[str]:
    """The words that have a folder, in whatever split, sorted."""
    return sorted({word for folder in _split_folders(root).values() for word in _word_folders(folder)})


def deal(
    clips: Sequence[Clip], root: Path, fractions: Mapping[str, float]
) -> tuple[dict[str, list[Clip]], list[str]]:
    """Deal clips out to the splits by speaker where file names tell them, else by path, word by word.

    By path every word of three clips or more has one in each split. Returns the splits and notes on them.
    """
    by_speaker, notes = _deal_speakers(clips, fractions)
    by_word: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.speaker not in by_speaker:
            by_word[clip.label].add(_key(clip, root))
    by_path = {key: split for keys in by_word.values() for key, split in assign(keys, fractions).items()}
    splits: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for clip in clips:
        split = by_speaker.get(clip.speaker or "") or by_path[_key(clip, root)]
        splits[split].append(clip)
    return splits, notes


def _deal_speakers(clips: Sequence[Clip], fractions: Mapping[str, float]) -> tuple[dict[str, str], list[str]]:
    """A split for every speaker, none where most files do not name one or there are fewer than three."""
    names = [clip.speaker for clip in clips if clip.speaker]
    speakers = sorted(set(names))
    if 2 * len(names) <= len(clips):
        return {}, []
    if len(speakers) < LEAST:
        known = ", ".join(speakers)
        return {}, [f"Too few speakers to split by ({known}): test clips come from voices heard in training."]
    return assign(speakers, fractions), [f"Split by speaker: the file names tell {len(speakers)} of them."]


def _key(clip: Clip, root: Path) -> str:
    return Path(clip.path).relative_to(root).as_posix()


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of the three splits where the root brings all of them, else the root itself under ""."""
    folders = {split: root / split for split in SPLITS}
    return folders if all(_word_folders(folder) for folder in folders.values()) else {"": root}


def _word_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    names = (entry.name for entry in os.scandir(folder) if entry.is_dir())
    return sorted(name for name in names if not name.startswith(".") and name != NOISE_FOLDER)


def _scan(
    folder: Path, words: Sequence[str], rejected: list[tuple[str, str]], progress: Progress | None
) -> list[Clip]:
    """Every readable clip of the words below a folder, sorted by path; the others go to `rejected`."""
    files = [(path, word) for word in words for path in _files(folder / word, rejected)]
    clips = []
    for done, (path, word) in enumerate(files, 1):
        speaker, marked, _ = path.name.partition("_nohash_")
        try:
            clips.append(
                Clip(str(path), probe(path).duration, word, speaker=speaker if marked and speaker else None)
            )
        except UnreadableAudioError as error:
            rejected.append((error.path, error.reason))
        if progress and (done % 500 == 0 or done == len(files)):
            progress(f"scanning {folder.name}", done, len(files))
    return clips


def _files(folder: Path, rejected: list[tuple[str, str]]) -> Iterator[Path]:
    """All files below a folder, sorted; those whose names rule them out go to `rejected`."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if reason := _flaw(name):
                rejected.append((os.fsencode(Path(parent, name)).decode(errors="backslashreplace"), reason))
            else:
                yield Path(parent, name)


def _flaw(name: str) -> str | None:
    if name.startswith("."):
        return "is hidden (its name begins with a dot)"
    undecodable = any("\udc80" <= letter <= "\udcff" for letter in name)  # what os.walk makes of stray bytes
    return "has a name that is not UTF-8; rename it" if undecodable else None


def _stray_files(root: Path) -> list[tuple[str, str]]:
    files = sorted(entry.path for entry in os.scandir(root) if entry.is_file())
    return [(path, "lies in no word's folder") for path in files]


def _check_every_word(
    root: Path,
    labels: Sequence[str],
    clips: Mapping[str, Sequence[Clip]],
    rejected: Sequence[tuple[str, str]],
) -> None:
    found = {clip.label for group in clips.values() for clip in group}
    for word in labels:
        if word not in found:
            reasons = [f"{path} {reason}" for path, reason in rejected if word in Path(path).parts]
            cause = f" ({reasons[0]})" if reasons else " (the folder is empty)"
            raise UserError(
                f'{root}: the word "{word}" has no readable clip{cause}; add some, or leave it out'
            )


def _missing_notes(labels: Sequence[str], splits: Mapping[str, Sequence[Clip]]) -> list[str]:
    """A plain sentence for every word that some split has no clip of."""
    counts = {split: Counter(clip.label for clip in clips) for split, clips in splits.items()}
    notes = []
    for word in labels:
        missing = [split for split in SPLITS if not counts[split][word]]
        if missing:
            total = sum(counts[split][word] for split in SPLITS)
            clips = "1 clip" if total == 1 else f"{total} clips"
            notes.append(f'"{word}" has {clips}, none of them in {" and ".join(missing)}; record more.')
    return notes


def _noise(folder: Path, rejected: list[tuple[str, str]]) -> dict[str, list[Clip]]:
    """The stretches of the readable noise files, by split; the other files go to `rejected`."""
    readable = []
    for path in _files(folder, rejected):
        try:
            probe(path)
        except UnreadableAudioError as error:
            rejected.append((error.path, error.reason))
        else:
            readable.append(path)
    return noise_by_split(readable)


def check_fractions(validation: object, test: object) -> dict[str, float]:
    """The fractions by split. Raises UserError naming the key of one that is none, or leaves no training."""
    fractions = {
        "validation": check_number(validation, "data.validation"),
        "test": check_number(test, "data.test"),
    }
    for split, fraction in fractions.items():
        if not 0 < fraction < 1:
            raise UserError(f"data.{split}={fraction:g}: must be a fraction between 0 and 1, such as 0.1")
    if sum(fractions.values()) >= 1:
        raise UserError(
            f"data.validation and data.test add up to {sum(fractions.values()):g}; leave some for training"
        )
    return fractions
