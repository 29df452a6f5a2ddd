"""What a long test track is made of: clips of words and other speech in a row, with known pauses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from speechsrt.corpora.manifest import Clip
from speechsrt.corpora.stable import stable_fraction, stable_integer

PAUSES = (0.5, 3.0)
"""Seconds; a pause is drawn evenly from between them."""


@dataclass(frozen=True)
class Piece:
    """A pause (seconds), what is heard after it, and the word that is to be detected there, if any."""

    pause: float
    clip: Clip
    word: str | None


def in_a_row(clips: Iterable[Clip], words: Sequence[str], seed: int = 0) -> Iterator[Piece]:
    """Yield all clips in a random order that depends on them and the seed alone, with pauses before them.

    Args:
        clips: whole files or stretches, of any length.
        words: labels that are to be detected; any other is to be passed over.
        seed: of order and pauses.
    """

    def draw(clip: Clip) -> int:
        return stable_integer(seed, "order", clip.label, clip.path.rpartition("/")[2], clip.offset)

    low, high = PAUSES
    for number, clip in enumerate(sorted(clips, key=draw)):
        pause = low + (high - low) * stable_fraction(seed, "pause", number)
        yield Piece(pause, clip, clip.label if clip.label in words else None)


def first_hours(pieces: Iterable[Piece], hours: float) -> Iterator[Piece]:
    """Yield the pieces that begin within the first hours."""
    passed = 0.0
    for piece in pieces:
        if passed >= 3600 * hours:
            return
        yield piece
        passed += piece.pause + piece.clip.duration
