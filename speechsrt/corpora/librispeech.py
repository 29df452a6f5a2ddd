"""LibriSpeech: a thousand hours of read English, any of its seven parts for training, validation and test.

`LibriSpeech/<part>/<speaker>/<chapter>/<speaker>-<chapter>-<n>.flac`, with the transcripts of a chapter in
`<speaker>-<chapter>.trans.txt` beside them (Panayotov et al. 2015, "LibriSpeech: an ASR corpus based on
public domain audio books"). No speaker is in two parts. Speakers of a part can be held out by number, so that
a small set may be made of one part and still test on new voices. Licence: CC BY 4.0.
"""

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from speechsrt.audio.files import UnreadableAudioError
from speechsrt.corpora.download import Archive, DownloadError, Progress, provide
from speechsrt.corpora.manifest import SPLITS, Clip, Contents
from speechsrt.corpora.settings import check_positive, check_sample_rate, suggest
from speechsrt.corpora.utterances import check_lengths, leave_out_long, probe_all, too_short
from speechsrt.errors import UserError
from speechsrt.text.normalise import normalise

STORE = "https://www.openslr.org/resources/12/"
# Sizes and SHA-256: tensorflow_datasets/url_checksums/librispeech.txt; torchaudio/datasets/librispeech.py has
# the same hashes.
_PUBLISHED = {
    "train-clean-100": (6_387_309_499, "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2"),
    "train-clean-360": (23_049_477_885, "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf"),
    "train-other-500": (30_593_501_606, "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2"),
    "dev-clean": (337_926_286, "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3"),
    "dev-other": (314_305_928, "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365"),
    "test-clean": (346_663_984, "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23"),
    "test-other": (328_757_843, "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29"),
}
ARCHIVES = {part: Archive(f"{STORE}{part}.tar.gz", *published) for part, published in _PUBLISHED.items()}
HELD_OUT = ("validation", "test")


class LibriSpeech:
    """Parts of LibriSpeech as splits.

    Speakers listed for validation or test belong to that split alone: it takes only them from its parts, and
    no other split takes them. Training utterances above `max_seconds` are left out; one below `min_seconds`
    is a damaged file. `frame_seconds`, how far apart a model's outputs are, decides what CTC can align.
    """

    task: ClassVar[str] = "ctc"
    lenient: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        train: Sequence[str],
        validation: Sequence[str],
        test: Sequence[str],
        validation_speakers: Sequence[str | int] = (),
        test_speakers: Sequence[str | int] = (),
        min_seconds: float = 0.1,
        max_seconds: float | None = 16.7,
        frame_seconds: float = 0.02,
        sample_rate: int = 16000,
    ):
        """Raises UserError naming the key of a setting that makes no sense, or that mixes splits."""
        self.name = name
        self.parts = {
            split: _check_parts(parts, f"data.{split}")
            for split, parts in zip(SPLITS, (train, validation, test), strict=True)
        }
        self.speakers = {
            split: _check_list(speakers, f"data.{split}_speakers")
            for split, speakers in zip(HELD_OUT, (validation_speakers, test_speakers), strict=True)
        }
        self._check_apart()
        self.min_seconds, self.max_seconds = check_lengths(min_seconds, max_seconds)
        self.frame_seconds = check_positive(frame_seconds, "data.frame_seconds")
        self.sample_rate = check_sample_rate(sample_rate)
        self.clip_seconds = 0.0

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """No classes: labels are sentences."""
        return ()

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Scan the parts below `data_root`; only `download=True` fetches them.

        Transcripts whose sound is absent are counted in a note: the folder holds a part of the corpus.
        Raises UserError for an absent part or speaker, a speaker in two splits, and a file without
        transcript or with an empty one; UnreadableAudioError for a damaged file.
        """
        folders = {
            part: self._provide(Path(data_root), part, download, progress) for part in self._all_parts()
        }
        contents = Contents((), {split: [] for split in SPLITS})
        present: dict[str, set[str]] = {}
        for part, folder in folders.items():
            clips, soundless = scan(folder, self.min_seconds, progress)
            if soundless:
                contents.notes.append(
                    f"{part}: {soundless} of {soundless + len(clips)} transcripts have no sound file here."
                )
            present[part] = {clip.speaker or "" for clip in clips}
            for clip in clips:
                if split := self._split_of(part, clip.speaker or ""):
                    contents.splits[split].append(clip)
        self._check_present(present)
        _check_disjoint(contents.splits)
        leave_out_long(contents, self.max_seconds)
        return contents

    def _all_parts(self) -> list[str]:
        """Every part that some split takes, once."""
        return list(dict.fromkeys(part for split in SPLITS for part in self.parts[split]))

    def _provide(self, root: Path, part: str, download: bool, progress: Progress | None) -> Path:
        """The folder of a part, unpacked or downloaded where allowed. Raises UserError where absent."""
        folder = Path(os.path.abspath(root)) / "LibriSpeech" / part
        provide(ARCHIVES[part], folder, self._command(root), download, progress)
        try:
            _lift(folder)
        except OSError as error:
            raise DownloadError(
                f"{folder}: cannot be put in place ({error.strerror}); move it away"
            ) from None
        return folder

    def _command(self, root: Path) -> str:
        """What to type to prepare these splits, whichever of them are not those of the configuration."""
        lists = self.parts | {
            f"{split}_speakers": listed for split, listed in self.speakers.items() if listed
        }
        words = [f"data.{key}=[{','.join(names)}]" for key, names in lists.items()]
        return shlex.join(["speechsrt", "prepare", f"data={self.name}", *words, f"data_root={root}"])

    def _split_of(self, part: str, speaker: str) -> str | None:
        """The split that a speaker of a part is in, None where no split takes them."""
        for split, listed in self.speakers.items():
            if speaker in listed:
                return split if part in self.parts[split] else None
        return next((split for split in SPLITS if part in self.parts[split] and self._takes_all(split)), None)

    def _takes_all(self, split: str) -> bool:
        return not self.speakers.get(split)

    def _check_apart(self) -> None:
        """Raise UserError where the settings put the same speakers into two splits, or name nothing."""
        if not self._all_parts():
            raise UserError(
                "data.train, data.validation and data.test name no part; write data.test=[test-clean]"
            )
        if both := sorted(set(self.speakers["validation"]) & set(self.speakers["test"])):
            raise UserError(
                f"data.test_speakers: {both[0]} is in data.validation_speakers too; list a speaker once"
            )
        for part in self._all_parts():
            takers = [split for split in SPLITS if part in self.parts[split] and self._takes_all(split)]
            if len(takers) > 1:
                raise UserError(
                    f"data.{takers[1]}: {part} is in data.{takers[0]} too, so its speakers would be in both; "
                    f"list those held out in data.{takers[1]}_speakers"
                )

    def _check_present(self, present: Mapping[str, set[str]]) -> None:
        """Raise UserError for a speaker asked for by number who has no utterances in the split's parts."""
        for split, listed in self.speakers.items():
            parts = self.parts[split]
            found = set().union(*(present[part] for part in parts))
            for speaker in listed if parts else ():
                if speaker not in found:
                    raise UserError(
                        f"data.{split}_speakers: {speaker} has no utterances in {', '.join(parts)}; "
                        f"{suggest(speaker, sorted(found))}"
                    )


def scan(folder: Path, least: float, progress: Progress | None = None) -> tuple[list[Clip], int]:
    """Return every utterance of a part, sorted by path, and how many transcripts have no sound file.

    Raises UserError for a sound file without transcript or with an empty one and where there is no utterance
    at all, UnreadableAudioError for a file that is damaged or lasts less than `least` seconds.
    """
    texts: dict[str, str] = {}
    soundless = 0
    for chapter in sorted(folder.glob("*/*/")):
        transcripts = _transcripts(_transcript_file(chapter))
        sounds = [name for name in sorted(os.listdir(chapter)) if name.endswith(".flac") and name[0] != "."]
        for name in sounds:
            texts[str(chapter / name)] = _text(chapter / name, transcripts)
        soundless += len(transcripts) - len(sounds)
    if not texts:
        raise UserError(
            f"{folder}: holds no utterances (SPEAKER/CHAPTER/*.flac); move it away and prepare it again"
        )
    found = probe_all(list(texts), f"scanning {folder.name}", progress)
    clips = []
    for (path, text), header in zip(texts.items(), found, strict=True):
        if isinstance(header, UnreadableAudioError):
            raise header
        if flaw := too_short(header.duration, least):
            raise UnreadableAudioError(path, flaw, "restore the file from the archive")
        clips.append(Clip(path, header.duration, text, speaker=Path(path).parts[-3]))
    return clips, soundless


def _transcript_file(chapter: Path) -> Path:
    return chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt"


def _transcripts(path: Path) -> dict[str, str]:
    """The transcripts of a chapter by the names of the utterances; none where there is no file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError):
        raise UserError(f"{path}: cannot be read as UTF-8 text; restore it from the archive") from None
    pairs = (line.partition(" ") for line in lines if line.strip())
    return {name: normalise(text) for name, _, text in pairs}


def _text(sound: Path, transcripts: Mapping[str, str]) -> str:
    """The transcript of a sound file. Raises UserError where it has none, or an empty one."""
    text = transcripts.get(sound.stem)
    if text:
        return text
    problem = "has no transcript" if text is None else "has an empty transcript"
    raise UserError(f"{sound}: {problem} in {_transcript_file(sound.parent).name}; restore that file")


def _lift(folder: Path) -> None:
    """Move what an archive holds below `LibriSpeech/<part>/` up to where it belongs; can be interrupted."""
    wrapping = folder / "LibriSpeech"
    for entry in sorted(wrapping.glob(f"{folder.name}/*")):
        entry.replace(folder / entry.name)
    for text in wrapping.glob("*.TXT"):  # readme, licence, speakers: they are about the whole corpus
        text.replace(folder.parent / text.name)
    if wrapping.exists():
        shutil.rmtree(wrapping)


def _check_disjoint(splits: Mapping[str, Sequence[Clip]]) -> None:
    """Raise UserError for a speaker heard in two splits: in the official parts there is none."""
    heard: dict[str, str] = {}
    for split, clips in splits.items():
        for speaker in sorted({clip.speaker or "" for clip in clips}):
            if heard.setdefault(speaker, split) != split:
                raise UserError(
                    f"data.{split}: speaker {speaker} is in {heard[speaker]} too; "
                    "move the speaker's folder out of one of the parts"
                )


def _check_parts(value: object, key: str) -> tuple[str, ...]:
    """The parts as given. Raises UserError for one that LibriSpeech does not have."""
    parts = _check_list(value, key)
    for part in parts:
        if part not in ARCHIVES:
            raise UserError(f"{key}: {part} is not a part of LibriSpeech; {suggest(part, list(ARCHIVES))}")
    return parts


def _check_list(value: object, key: str) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise UserError(f"{key}={value}: is not a list; write {key}=[{value}]")
    names = tuple(map(str, value))
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise UserError(f"{key}: {doubled[0]} is listed twice; name it once")
    return names
