"""Speech Commands with twelve classes, ten words, "unknown" and "silence": V2-12, or V1-12 of version 0.01.

"unknown" are clips of all other words, as many as an average word of the ten has in that split, chosen by a
stable hash. "silence" are windows of the background noise, each split's from its own stretches. The split
`google_test` is Google's own archive for this task, the one that published twelve-class figures share; it is
there where the archive is. Figures of this task are not comparable with those of all 30 or 35 words.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from speechsrt.corpora.download import Archive, DownloadError, Progress, is_present, provide
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.noise import NOISE_FOLDER, silence_windows
from speechsrt.corpora.settings import check_positive, check_sample_rate, check_words, choose
from speechsrt.corpora.speech_commands import (
    STORE,
    check_version,
    clip_of,
    noise_of,
    present_words,
    provide_version,
    scan,
    wav_names,
)
from speechsrt.corpora.stable import stable_integer
from speechsrt.decoding.spotting import SILENCE, UNKNOWN
from speechsrt.errors import UserError

# Size and hash of v0.02: tensorflow_datasets/url_checksums/speech_commands.txt; those of v0.01 are published
# nowhere.
TEST_ARCHIVES = {
    "0.01": Archive(STORE + "speech_commands_test_set_v0.01.tar.gz"),
    "0.02": Archive(
        STORE + "speech_commands_test_set_v0.02.tar.gz",
        112_563_277,
        "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
    ),
}


class SpeechCommandsTwelve:
    """Ten words, unknown and silence; `vocabulary` names all twelve, `words` restricts them."""

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
        self._vocabulary = choose(check_words(vocabulary, "data.vocabulary") or (), None, name)
        self._labels = choose(self._vocabulary, self.words, name)

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The classes in order, known without looking at `data_root`."""
        return self._labels

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Scan the corpus below `data_root`; only `download=True` fetches it and Google's test set.

        Raises UserError for an absent corpus or word, and UnreadableAudioError for a damaged clip.
        """
        folder = provide_version(Path(data_root), self.version, self.name, download, progress)
        core = [word for word in self._vocabulary if word not in (UNKNOWN, SILENCE)]
        keywords, notes = present_words(
            folder, core, [word for word in self.words or () if word in core] or None
        )
        splits = scan(folder, keywords, progress)
        counts = {split: round(len(splits[split]) / len(keywords)) for split in SPLITS}
        others = scan(folder, other_words(folder, core), progress)
        noise = noise_of(folder)
        for split in SPLITS:
            splits[split] += sample_unknown(others[split], folder, counts[split])
            splits[split] += silence_windows(noise[split], self.clip_seconds, counts[split], SILENCE)
        labels = self._found(folder, splits, notes)
        try:
            splits |= google_test(folder, self.version, download, progress)
        except DownloadError as error:
            notes.append(f"Without the split google_test: {error}.")
        kept = {split: [clip for clip in clips if clip.label in labels] for split, clips in splits.items()}
        return Contents(labels, kept, noise, notes=notes)

    def _found(self, folder: Path, splits: dict[str, list[Clip]], notes: list[str]) -> tuple[str, ...]:
        """The labels that have clips. Raises UserError where one asked for by name has none."""
        found = {clip.label for clips in splits.values() for clip in clips}
        for label in (UNKNOWN, SILENCE):
            if label in self._labels and label not in found:
                source = (
                    "other words"
                    if label == UNKNOWN
                    else f"{NOISE_FOLDER} of {self.clip_seconds:g} s or more"
                )
                if self.words is not None:
                    raise UserError(
                        f'data.words: there is nothing to make "{label}" of: no {source} in {folder}'
                    )
                notes.append(f'{folder.name}: no {source}: "{label}" is left out of the classes.')
        return tuple(label for label in self._labels if label in found)


def other_words(folder: Path, core: Sequence[str]) -> list[str]:
    """The folders of words that are not among the ten, sorted."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    return [name for name in names if name not in core and not name.startswith(("_", "."))]


def sample_unknown(clips: Sequence[Clip], folder: Path, count: int) -> list[Clip]:
    """The `count` clips whose paths hash lowest, relabelled, sorted by path."""

    def draw(clip: Clip) -> int:
        return stable_integer(Path(clip.path).relative_to(folder).as_posix())

    chosen = sorted(sorted(clips, key=draw)[:count], key=lambda clip: clip.path)
    return [Clip(clip.path, clip.duration, UNKNOWN, speaker=clip.speaker) for clip in chosen]


def google_test(
    folder: Path, version: str, download: bool, progress: Progress | None
) -> dict[str, list[Clip]]:
    """The split of Google's test archive beside `folder`, none where it is neither there nor to be fetched.

    Its folders are the words, `_unknown_` and `_silence_`. Raises DownloadError, UnreadableAudioError.
    """
    tests = folder.with_name(f"speech_commands_test_set_v{version}")
    archive = TEST_ARCHIVES[version]
    if not (download or is_present(tests) or (tests.parent / archive.name).exists()):
        return {}
    provide(archive, tests, "", download, progress)
    clips = [
        clip_of(tests / label / name, label.strip("_"))
        for label in sorted(entry.name for entry in os.scandir(tests) if entry.is_dir())
        for name in wav_names(tests / label)
    ]
    return {"google_test": clips}
