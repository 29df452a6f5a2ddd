"""A person's own words: recordings in a folder a word, speech synthesised from the words, or both."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from speechsrt.corpora.download import Progress
from speechsrt.corpora.keyword_folder import KeywordFolder, words_below
from speechsrt.corpora.manifest import SPLITS, Contents
from speechsrt.corpora.settings import check_words
from speechsrt.corpora.synthetic import Synthetic
from speechsrt.errors import UserError


class OwnWords:
    """Words below `root`, as `KeywordFolder` reads them; with `synthesise` spoken by espeak-ng too.

    A word without recordings is then spoken alone, and `root` may be left out. Settings of the speech are
    those of `Synthetic`.
    """

    task: ClassVar[str] = "keyword"
    lenient: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        root: str | None = None,
        words: Sequence[str] | None = None,
        validation: float = 0.1,
        test: float = 0.1,
        synthesise: bool = False,
        language: str = "en",
        clips_per_word: int = 500,
        held_out_clips_per_word: int = 60,
        near: float = 1.0,
        snr: Sequence[float] = (0.0, 20.0),
        seed: int = 0,
        clip_seconds: float = 1.0,
        sample_rate: int = 16000,
        piper: str | None = None,
        other: float = 1.0,
    ):
        """Raises UserError naming the key of a setting that makes no sense."""
        self.name, self.words = name, check_words(words)
        self.clip_seconds, self.sample_rate = clip_seconds, sample_rate
        if root is not None and not Path(str(root)).expanduser().is_dir():
            raise UserError(f"data.root={root}: there is no such folder")
        recorded = [] if root is None else words_below(Path(str(root)).expanduser())
        asked = self.words or tuple(recorded)
        if synthesise and not asked:
            raise UserError('data.synthesise=true: name the words to speak, as in data.words=["hey you"]')
        self.spoken = self.recorded = None
        if synthesise:
            counts = (clips_per_word, held_out_clips_per_word, near)
            self.spoken = Synthetic(
                name, asked, language, *counts, snr, seed, clip_seconds, sample_rate, piper, other
            )
        read = [word for word in asked if word in recorded] if synthesise else words
        if read != []:
            self.recorded = KeywordFolder(name, root, read, validation, test, clip_seconds, sample_rate)

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """The words of both, sorted."""
        found = {label for corpus in self._parts() for label in corpus.labels(data_root)}
        return tuple(sorted(found))

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """What both hold, in the splits of each. Raises UserError as they do."""
        parts = [corpus.load(data_root, download, progress) for corpus in self._parts()]
        if len(parts) == 1:
            return parts[0]
        return Contents(
            self.labels(data_root),
            {split: [clip for part in parts for clip in part.splits[split]] for split in SPLITS},
            {split: [clip for part in parts for clip in part.noise[split]] for split in SPLITS},
            [item for part in parts for item in part.rejected],
            [note for part in parts for note in part.notes],
        )

    def _parts(self) -> list[KeywordFolder | Synthetic]:
        return [corpus for corpus in (self.recorded, self.spoken) if corpus is not None]
