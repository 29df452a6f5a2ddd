"""What a detector must keep quiet at: the classes `unknown` and `silence` beside the words of any corpus.

`unknown` is speech without the words: other words of the same corpus, in that corpus's own splits, or
stretches of speech of any length out of folders, dealt out by speaker. `silence` is sound without speech:
stretches of the corpus's background noise or of other recordings, each file cut into one stretch a split. No
second of sound is in two splits. What is `noise` here is also what augmentation mixes in.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from speechsrt.audio.files import UnreadableAudioError
from speechsrt.build import build
from speechsrt.corpora.base import Corpus
from speechsrt.corpora.download import Progress
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.noise import noise_by_split, silence_windows
from speechsrt.corpora.own_words import OwnWords
from speechsrt.corpora.settings import check_positive
from speechsrt.corpora.stable import assign, stable_integer
from speechsrt.corpora.synthetic import Synthetic
from speechsrt.corpora.utterances import probe_all
from speechsrt.decoding.spotting import SILENCE, UNKNOWN
from speechsrt.errors import UserError

OTHER_WORDS, BACKGROUND = "other_words", "background_noise"
"""Names, under `unknown` and `noise`, of what the corpus itself has."""
FRACTIONS = {"validation": 0.1, "test": 0.1}
_LIBRISPEECH = re.compile(r"(\d+)-\d+-\d+")


class Negatives:
    """How a corpus of words gets its negatives.

    Args:
        unknown: `other_words`, or folders of speech in which the words are not said.
        noise: `background_noise`, or folders of sound without speech.
        ratio: clips of each of the two classes, in clips of an average word.

    Raises:
        UserError: naming the key of a setting that makes no sense, or a folder that is not there.
    """

    def __init__(
        self, unknown: Sequence[str] | None = None, noise: Sequence[str] | None = None, ratio: float = 1.0
    ) -> None:
        self.unknown = _places(unknown, "negatives.unknown", OTHER_WORDS)
        self.noise = _places(noise, "negatives.noise", BACKGROUND)
        self.ratio = check_positive(ratio, "negatives.ratio")

    def around(self, data: Mapping[str, Any]) -> Corpus:
        """Return the corpus that a node of `data` describes, with its negatives where there are any.

        Raises:
            UserError: a corpus of sentences, or one without other words where these are asked for.
        """
        corpus: Corpus = build(data, "data")
        if not self.unknown and not self.noise:
            return corpus
        if corpus.task != "keyword":
            raise UserError(f"negatives: data={corpus.name} holds sentences; leave it out")
        if OTHER_WORDS not in self.unknown:
            return WithNegatives(corpus, self, None)
        if data.get("words") is None:
            raise UserError(
                f"negatives.unknown=[{OTHER_WORDS}]: with all words of data={corpus.name} there are no "
                "others; choose some by data.words="
            )
        recorded = {"synthesise": False} if "synthesise" in data else {}
        if recorded and data.get("root") is None:
            raise UserError(
                f"negatives.unknown=[{OTHER_WORDS}]: without data.root= there are none; name folders"
            )
        return WithNegatives(corpus, self, build(dict(data) | {"words": None} | recorded, "data"))


SPOKEN_NOTE = (
    "The words are spoken by a synthesiser alone, and negatives.unknown= brings recordings: what is learned "
    "may be to tell one from the other; leave it out, or add data.root= with recordings of the words."
)


def _spoken_alone(corpus: Corpus) -> bool:
    """Whether nobody has recorded any of a corpus's words."""
    own = isinstance(corpus, OwnWords) and corpus.spoken is not None and corpus.recorded is None
    return own or isinstance(corpus, Synthetic)


class WithNegatives:
    """A corpus of words, and what is none of them."""

    task: ClassVar[str] = "keyword"

    def __init__(self, corpus: Corpus, negatives: Negatives, whole: Corpus | None) -> None:
        self.corpus, self.negatives, self.whole = corpus, negatives, whole
        self.name = corpus.name
        own = {*negatives.unknown, *negatives.noise} - {OTHER_WORDS, BACKGROUND}
        self.lenient = corpus.lenient or bool(own)  # folders of negatives are a person's own
        self.clip_seconds, self.sample_rate = corpus.clip_seconds, corpus.sample_rate

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The words and the two classes, sorted; such classes of the corpus's own get more clips."""
        return tuple(sorted({*self.corpus.labels(data_root), *self._classes}))

    @property
    def _classes(self) -> list[str]:
        return [UNKNOWN] * bool(self.negatives.unknown) + [SILENCE] * bool(self.negatives.noise)

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """What the corpus holds, and its negatives.

        Raises UserError where there is nothing to make them of.
        """
        contents = self.corpus.load(data_root, download, progress)
        counts = {
            split: round(self.negatives.ratio * len(contents.splits[split]) / len(contents.labels))
            for split in SPLITS
        }
        unknown = self._unknown(contents, data_root, progress) if self.negatives.unknown else None
        noise = self._noise(contents, progress) if self.negatives.noise else contents.noise
        found: dict[str, list[Clip]] = {split: list(clips) for split, clips in contents.splits.items()}
        for split in SPLITS:
            if unknown is not None:
                found[split] += sampled(unknown[split], counts[split])
            if self.negatives.noise:
                found[split] += silence_windows(noise[split], self.clip_seconds, counts[split], SILENCE)
        if unknown is not None and _spoken_alone(self.corpus):
            contents.notes.append(SPOKEN_NOTE)
        contents.notes += _few_notes(found, counts, self._classes)
        labels = tuple(sorted({*contents.labels, *self._classes}))
        return Contents(labels, found, noise, contents.rejected, contents.notes)

    def _unknown(
        self, contents: Contents, data_root: Path, progress: Progress | None
    ) -> dict[str, list[Clip]]:
        """All that may be heard as `unknown`, by split."""
        found: dict[str, list[Clip]] = {split: [] for split in SPLITS}
        for place in self.negatives.unknown:
            if place == OTHER_WORDS:
                assert self.whole is not None
                some = other_words(self.whole, contents.labels, data_root, progress)
            else:
                some = speech_windows(Path(place), self.clip_seconds, contents.rejected, progress)
            for split in SPLITS:
                found[split] += some[split]
        return found

    def _noise(self, contents: Contents, progress: Progress | None) -> dict[str, list[Clip]]:
        """All that is without speech, by split."""
        found: dict[str, list[Clip]] = {split: [] for split in SPLITS}
        for place in self.negatives.noise:
            if place == BACKGROUND:
                some = contents.noise
                if not any(some.values()):
                    raise UserError(
                        f"negatives.noise={BACKGROUND}: data={self.name} has none; name a folder of noise"
                    )
            else:
                files = [Path(path) for path, _ in readable(Path(place), contents.rejected, progress)]
                some = noise_by_split(files)
            for split in SPLITS:
                found[split] += some[split]
        return found


def other_words(
    corpus: Corpus, words: Sequence[str], data_root: Path, progress: Progress | None
) -> dict[str, list[Clip]]:
    """The clips of all words of a corpus but these, as `unknown`, in the corpus's own splits."""
    splits = corpus.load(data_root, progress=progress).splits
    return {split: [_unknown(clip) for clip in splits[split] if clip.label not in words] for split in SPLITS}


def speech_windows(
    folder: Path, seconds: float, rejected: list[tuple[str, str]], progress: Progress | None = None
) -> dict[str, list[Clip]]:
    """All stretches of `seconds` that the sound files below a folder hold, side by side, by split.

    Files of one speaker are in one split: told by `<speaker>_nohash_<n>`, by LibriSpeech's
    `<speaker>-<chapter>-<n>`, else by the folder a file lies in, and at the top of `folder` by the file. What
    cannot be read goes to `rejected`.
    """
    files = readable(folder, rejected, progress)
    speakers = {path: speaker_of(Path(path), folder) for path, _ in files}
    chosen = assign(speakers.values(), FRACTIONS)
    splits: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for path, duration in files:
        for number in range(max(1, int(duration / seconds))):
            clip = Clip(path, min(seconds, duration), UNKNOWN, number * seconds, speakers[path])
            splits[chosen[speakers[path]]].append(clip)
    return splits


def speaker_of(path: Path, folder: Path) -> str:
    """What files of one speaker have in common, as far as their names tell."""
    speaker, marked, _ = path.name.partition("_nohash_")
    if marked and speaker:
        return speaker
    if read := _LIBRISPEECH.fullmatch(path.stem):
        return read[1]
    place = path.parent if path.parent != folder else path
    return place.relative_to(folder).as_posix()


def readable(
    folder: Path,
    rejected: list[tuple[str, str]],
    progress: Progress | None = None,
    key: str = "negatives",
) -> list[tuple[str, float]]:
    """The sound files below a folder with their seconds, sorted. Raises UserError where there are none."""
    paths = sorted(str(path) for path in folder.rglob("*") if path.is_file() and path.name[0] != ".")
    found = []
    for path, probed in zip(paths, probe_all(paths, f"scanning {folder.name}", progress), strict=True):
        if isinstance(probed, UnreadableAudioError):
            rejected.append((probed.path, probed.reason))
        else:
            found.append((path, probed.duration))
    if not found:
        raise UserError(f"{key}: {folder} holds no sound that can be read")
    return found


def sampled(clips: Sequence[Clip], count: int) -> list[Clip]:
    """The `count` clips whose places hash lowest, sorted by place: a choice that does not change."""
    folder = os.path.commonpath([os.path.dirname(clip.path) for clip in clips]) if clips else ""

    def draw(clip: Clip) -> int:
        return stable_integer(os.path.relpath(clip.path, folder), round(1000 * clip.offset))

    return sorted(sorted(clips, key=draw)[:count], key=lambda clip: (clip.path, clip.offset))


def _unknown(clip: Clip) -> Clip:
    return Clip(clip.path, clip.duration, UNKNOWN, clip.offset, clip.speaker)


def _places(given: Sequence[str] | None, key: str, own: str) -> tuple[str, ...]:
    """Folders as absolute paths, and the name of what the corpus has itself."""
    if given is None or list(given) == []:
        return ()
    if isinstance(given, str) or not all(isinstance(place, str) for place in given):
        raise UserError(f"{key}={given}: is not a list; write {key}=[{own}] or folders in its place")
    places = []
    for place in given:
        folder = Path(os.path.abspath(Path(place).expanduser()))
        if place != own and not folder.is_dir():
            raise UserError(f"{key}: there is no folder {place}; write {own}, or where sound files lie")
        places.append(own if place == own else str(folder))
    return tuple(places)


def _few_notes(found: dict[str, list[Clip]], counts: dict[str, int], classes: Sequence[str]) -> list[str]:
    """A sentence for every class of which a split has fewer clips than were asked for."""
    notes = []
    for label in classes:
        have = {split: sum(clip.label == label for clip in clips) for split, clips in found.items()}
        few = [
            f"{have[split]} of {counts[split]} in {split}" for split in SPLITS if have[split] < counts[split]
        ]
        if few:
            notes.append(f'"{label}": {", ".join(few)}; there is no more sound to make it of.')
    return notes
