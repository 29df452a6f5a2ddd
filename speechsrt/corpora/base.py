"""What the rest of the toolkit knows of a corpus, whichever it is."""

from pathlib import Path
from typing import ClassVar, Protocol

from speechsrt.corpora.download import Progress
from speechsrt.corpora.manifest import Contents


class Corpus(Protocol):
    """Clips of words or sentences below a folder, in splits.

    Attributes:
        task: "keyword" where a clip's label is one of the classes, "ctc" where it is a sentence.
        lenient: files that cannot be read are listed and left out, because they are a person's own; in an
            official corpus such a file is a mistake.
        name: of the corpus in the configuration.
        clip_seconds: length its clips are cut or filled to; 0 for sentences, which stay as long as they are.
        sample_rate: samples a second they are brought to.
    """

    task: ClassVar[str]

    @property
    def lenient(self) -> bool:
        """Whether unreadable files are left out."""
        ...

    name: str
    clip_seconds: float
    sample_rate: int

    def labels(self, data_root: Path) -> tuple[str, ...]:
        """Return the classes in order, as far as they are known without scanning; sentences have none."""
        ...

    def load(self, data_root: Path, download: bool = False, progress: Progress | None = None) -> Contents:
        """Return everything the corpus holds; only with `download` is anything fetched."""
        ...
