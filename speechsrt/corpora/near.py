"""Speech that is not a phrase, near it or far from it: what a detector of it has to be taught to pass over.

A phrase is words of phonemes in espeak-ng's letters. Near it are the phrase with one phoneme or two in
exchange for others of the same class (vowels, consonants), with one left out, and of several words some alone
or the words in another order. What is exchanged for what is drawn from the phonemes of the language. Far from
it are words that no language has: those of the numbers with every phoneme in exchange for another.
"""

from collections.abc import Collection, Sequence

import numpy as np

from speechsrt.audio.synthesis import Phrase, bare, spelled

NUMBERS = " ".join(map(str, range(100)))
"""A text in any language: spoken, it holds most of the language's phonemes."""
_VOWELS = frozenset("aeiouyAEIOUYVWQ@03&")
TRIES = 50


def is_vowel(phoneme: str) -> bool:
    """Whether a phoneme is a vowel; the first letter tells in espeak-ng's notation."""
    return bare(phoneme)[:1] in _VOWELS


def sound(phrase: Phrase) -> str:
    """Return a phrase without its stress: two that differ in that alone sound alike."""
    return spelled([[bare(phoneme) for phoneme in word] for word in phrase])


def holds(phrase: Phrase, other: Phrase) -> bool:
    """Whether the words of another phrase are said within a phrase, one after the other."""
    said, asked = ([sound([word]) for word in words] for words in (phrase, other))
    return any(said[k : k + len(asked)] == asked for k in range(len(said) - len(asked) + 1))


def near(
    phrase: Phrase,
    language: Collection[str],
    count: int,
    draw: np.random.Generator,
    known: set[str] | None = None,
) -> list[Phrase]:
    """Return up to `count` different phrases near one; fewer where no more are found.

    Args:
        phrase: how it is pronounced.
        language: phonemes of the language.
        count: how many are wanted.
        draw: source of random numbers.
        known: phrases that are not wanted, by `sound`; what is found is added.
    """
    inventory = sorted({bare(phoneme) for phoneme in language} - {""})
    found: list[Phrase] = []
    known = set() if known is None else known
    known |= {sound(phrase), sound([])}
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        made = _changed(phrase, inventory, draw)
        if sound(made) not in known:
            known.add(sound(made))
            found.append(made)
    return found


def made_up(
    templates: Sequence[Sequence[str]],
    language: Collection[str],
    phonemes: int,
    count: int,
    draw: np.random.Generator,
    known: set[str] | None = None,
) -> list[Phrase]:
    """Return up to `count` different phrases of words built like others; fewer where no more are found.

    Args:
        templates: words of the language, whose vowels and consonants go for others.
        language: its phonemes.
        phonemes: a phrase has this many at most, where a template has no more.
        count: how many are wanted.
        draw: source of random numbers.
        known: phrases that are not wanted, by `sound`; what is found is added.
    """
    inventory = sorted({bare(phoneme) for phoneme in language} - {""})
    usable = sorted((list(word) for word in templates if word), key=len)
    usable = [word for word in usable if len(word) <= max(phonemes, len(usable[0]))]
    found: list[Phrase] = []
    known = set() if known is None else known
    for _ in range(TRIES * count):
        if len(found) == count:
            break
        words: list[list[str]] = []
        left = int(draw.integers(1, phonemes + 1))
        while left > 0:
            word = list(usable[int(draw.integers(len(usable)))])
            if words and len(word) > left:
                break
            left -= len(word)
            words.append(word)
        for word in words:
            for place in range(len(word)):
                _exchange(word, place, inventory, draw)
        if sound(words) not in known:
            known.add(sound(words))
            found.append(words)
    return found


def _exchange(word: list[str], place: int, inventory: Sequence[str], draw: np.random.Generator) -> None:
    """Put another phoneme of the same class in the place of one; its stress stays."""
    old = word[place]
    others = [new for new in inventory if is_vowel(new) == is_vowel(old) and new != bare(old)]
    if others:
        word[place] = old[: len(old) - len(bare(old))] + others[int(draw.integers(len(others)))]


def _changed(phrase: Phrase, inventory: Sequence[str], draw: np.random.Generator) -> list[list[str]]:
    """Return one phrase near another."""
    words = [list(word) for word in phrase]
    way = draw.random()
    if len(words) > 1 and way < 0.2:  # some of the words
        kept = draw.random(len(words)) < 0.5
        return [word for word, keep in zip(words, kept, strict=True) if keep]
    if len(words) > 1 and way < 0.3:
        return [words[k] for k in draw.permutation(len(words))]
    places = [(k, j) for k, word in enumerate(words) for j in range(len(word))]
    if way < 0.45:
        k, j = places[int(draw.integers(len(places)))]
        del words[k][j]
        return [word for word in words if word]
    for _ in range(1 + int(draw.random() < 0.4)):
        k, j = places[int(draw.integers(len(places)))]
        _exchange(words[k], j, inventory, draw)
    return words
