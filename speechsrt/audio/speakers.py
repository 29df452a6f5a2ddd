"""Who can speak in a language: the variants of espeak-ng, in all its accents, and voices of piper."""

from types import TracebackType
from typing import Self

import numpy as np

from speechsrt.audio.piper import Piper
from speechsrt.audio.synthesis import Espeak, Phrase, bare, spelled

USUAL = 175
"""Words a minute that espeak-ng speaks, and what piper's usual length is taken for."""
_STRESS = {"'": "\u02c8", ",": "\u02cc"}  # the IPA's marks before a stressed syllable


class Speakers:
    """Speakers by name, to be used in a `with` block.

    `names` are those of all; `accents` the language tags in which each of espeak-ng's speaks.

    Args:
        language: tag of a language or of an accent.
        piper: voices that speak too.
        text: in the language; its phonemes, in any accent, are those that can be told to piper.

    Raises:
        UserError: a language that is not spoken, or espeak-ng is not installed.
    """

    def __init__(self, language: str, piper: Piper | None, text: str) -> None:
        self.espeak, self.piper, self._text = Espeak(), piper, text
        self._known: dict[str, dict[str, str]] = {}
        try:
            self.accents = self.espeak.accents(language)
        except BaseException:
            self.espeak.close()
            raise
        self.neural = frozenset(piper.speakers) if piper else frozenset[str]()
        self.names = (*self.espeak.variants(), *sorted(self.neural))

    def say(
        self, words: str | Phrase, name: str, accent: str, rate: int, pitch: int, span: int
    ) -> tuple[np.ndarray, int]:
        """Speak; return ``(T,)`` float32 in [-1, 1] without the silence around it, and samples a second.

        Args:
            words: a text, or a phrase in espeak-ng's phonemes of the accent.
            name: the speaker.
            accent: in which espeak-ng speaks; a voice of piper's has its own.
            rate: words a minute.
            pitch: of espeak-ng, 0 to 99, and so is
            span: how far the melody moves.
        """
        if self.piper and name in self.neural:
            text = words if isinstance(words, str) else f"[[{self._ipa(words, accent)}]]"
            return self.piper.say(text, name, USUAL / rate)
        text = words if isinstance(words, str) else spelled(words)
        return self.espeak.say(text, f"{accent}+{name}", rate, pitch, span), self.espeak.sample_rate

    def tell_apart(self, name: str, phrase: Phrase, other: Phrase, accent: str) -> bool:
        """Whether a speaker can say a phrase so that it is not another: piper lacks a few phonemes."""
        if name not in self.neural:
            return True
        said = self._ipa(phrase, accent)
        return said is not None and said != self._ipa(other, accent)

    def phonemes(self, text: str, accent: str) -> list[list[str]]:
        """Return how a text is pronounced in an accent, in espeak-ng's phonemes."""
        return self.espeak.phonemes(text, accent)

    def _ipa(self, phrase: Phrase, accent: str) -> str | None:
        """Return a phrase in the letters of the IPA; None where one of its phonemes has none."""
        words = [[self._letter(phoneme, accent) for phoneme in word] for word in phrase]
        return " ".join(map("".join, words)) if all(all(word) for word in words) else None

    def _letter(self, phoneme: str, accent: str) -> str:
        plain = self._letters(accent).get(bare(phoneme))
        return _STRESS.get(phoneme[:1], "") + plain if plain else ""

    def _letters(self, accent: str) -> dict[str, str]:
        """The IPA's letters for espeak-ng's phonemes without stress, from words that have as many of both."""
        if accent in self._known:
            return self._known[accent]
        letters = self._known[accent] = {}
        for word in self._text.split():
            both = (self.espeak.phonemes(word, accent, ipa) for ipa in (False, True))
            own, ipa = ([phoneme for part in parts for phoneme in part] for parts in both)
            for phoneme, letter in zip(own, ipa, strict=True) if len(own) == len(ipa) else ():
                letters.setdefault(bare(phoneme), letter.lstrip("".join(_STRESS.values())))
        return letters

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.espeak.close()
