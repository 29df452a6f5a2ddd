"""Checks of what a user may write under `data.`: each failure names its key and the remedy."""

import difflib
import math
from collections.abc import Sequence

from speechsrt.errors import UserError


def check_words(words: object, key: str = "data.words") -> tuple[str, ...] | None:
    """The words as given, or None for none. Raises UserError for anything but a list of words."""
    if words is None:
        return None
    if isinstance(words, str):
        raise UserError(f"{key}={words}: is one word, not a list; write {key}=[{words}]")
    if not isinstance(words, Sequence):
        raise UserError(f"{key}={words}: is not a list of words; write {key}=[one,two]")
    for word in words:
        _check_word(word, key)
    doubled = sorted({word for word in words if words.count(word) > 1})
    if doubled:
        raise UserError(f"{key}: {', '.join(doubled)} is listed twice; name each word once")
    if not words:
        raise UserError(f"{key}=[]: names no word; list at least one, or leave {key} out for all")
    return tuple(words)


def _check_word(word: object, key: str) -> None:
    if isinstance(word, bool):
        raise UserError(
            f"{key}: {str(word).lower()} was read as a truth value, which YAML makes of yes, no, on and off; "
            'put the word in quotes, as in ["yes", "no"]'
        )
    if not isinstance(word, str):
        raise UserError(f'{key}: {word} is not a word; put it in quotes, as in ["{word}"]')
    if not word.strip() or "/" in word or "\\" in word or word.startswith("."):
        raise UserError(
            f'{key}: "{word}" cannot be a word; it may not be empty, begin with a dot or hold a slash'
        )


def choose(vocabulary: Sequence[str], words: Sequence[str] | None, corpus: str) -> tuple[str, ...]:
    """The classes in their one order: the sorted vocabulary, filtered by `words` where given.

    Raises UserError with close matches for a word outside the vocabulary.
    """
    for word in words or ():
        if word not in vocabulary:
            raise UserError(f'data.words: "{word}" is not a word of {corpus}; {suggest(word, vocabulary)}')
    return tuple(word for word in sorted(vocabulary) if words is None or word in words)


def suggest(word: str, vocabulary: Sequence[str]) -> str:
    """What to write instead of an unknown word: its close matches, or else what there is."""
    close = difflib.get_close_matches(word.casefold(), sorted(vocabulary), n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    listed = sorted(vocabulary)
    return f"choose from {', '.join(listed[:40])}{', ...' if len(listed) > 40 else ''}"


def check_positive(value: object, key: str) -> float:
    """A finite number above zero. Raises UserError naming `key`."""
    number = check_number(value, key)
    if number <= 0:
        raise UserError(f"{key}={value}: must be above zero")
    return number


def check_number(value: object, key: str) -> float:
    """A finite number. Raises UserError naming `key`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UserError(f"{key}={value}: is not a number")
    return float(value)


def check_whole(value: object, key: str, least: int) -> int:
    """A whole number of at least `least`. Raises UserError naming `key`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"{key}={value}: must be a whole number of at least {least}")
    return value


def check_sample_rate(value: object) -> int:
    """Samples a second that speech can be carried by. Raises UserError naming `data.sample_rate`."""
    rate = check_whole(value, "data.sample_rate", 1)
    if not 4000 <= rate <= 192_000:
        raise UserError(f"data.sample_rate={value}: must be between 4000 and 192000 samples a second")
    return rate
