"""What is to be spoken for a corpus of words, by whom, and in which split.

Every take is drawn from its own seed, so the same plan gives the same bits. The splits share no voice: a
speaker variant (with its numbered relatives) held out of training is heard there in no accent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speechsrt.audio.speakers import Speakers
from speechsrt.audio.synthesis import Phrase, spelled
from speechsrt.corpora.manifest import SPLITS
from speechsrt.corpora.near import NUMBERS, holds, made_up, near, sound
from speechsrt.corpora.stable import stable_integer
from speechsrt.decoding.spotting import SILENCE, UNKNOWN

_QUALITY = re.compile(r"-(x_low|low|medium|high)$")
NEAR = "-near"
"""How the name of a file ends in which something near a word is said."""
PHONEMES_A_SECOND = 8
HELD_OUT = 0.1  # the share of the voices in validation, and in test


@dataclass(frozen=True)
class Take:
    """One clip to be spoken, and its own source of random numbers."""

    split: str
    word: str
    voice: str
    accent: str
    index: int
    draw: np.random.Generator
    phrase: Phrase | None = None  # where it is not the word that is spoken
    near: bool = False  # whether that sounds nearly like the word

    @property
    def file(self) -> Path:
        """Where it is written, below the corpus folder."""
        number = str(self.index)
        if self.phrase is not None:
            number = f"{stable_integer(spelled(self.phrase)):016x}-{self.index}{NEAR * self.near}"
        return Path(self.split, self.word, f"{self.voice.replace(' ', '-')}_{number}.wav")


class Sounds:
    """How words are pronounced in every accent, and what must not be taken for something else.

    Attributes:
        speakers: who knows that.
        phonemes: those of each accent.
        numbers: words of numbers, by accent.
        said: the words, by accent.
        known: all phrases so far, by `speechsrt.corpora.near.sound`; those that come are added.
    """

    def __init__(self, speakers: Speakers, words: Sequence[str]) -> None:
        self.speakers = speakers
        self.numbers = {accent: speakers.phonemes(NUMBERS, accent) for accent in speakers.accents}
        self.phonemes = {
            accent: {phoneme for word in said for phoneme in word} for accent, said in self.numbers.items()
        }
        self.said = {
            accent: {word: speakers.phonemes(word, accent) for word in words} for accent in speakers.accents
        }
        self._words = [phrase for phrases in self.said.values() for phrase in phrases.values() if phrase]
        self.known = {sound(phrase) for phrase in self._words} | {sound([])}

    def hold_a_word(self, phrase: Phrase) -> bool:
        """Whether one of the words, in any accent, is said within a phrase."""
        return any(holds(phrase, word) for word in self._words)


@dataclass(frozen=True)
class Plan:
    """What is to be spoken.

    Args:
        words: words or phrases.
        counts: clips of each, by split.
        near: clips of phrases near a word, in clips of the word.
        other: clips of made-up words, in clips of a word; with these or those there are clips of noise too.
        clip_seconds: how long a made-up phrase may be.
        seed: of all draws.
    """

    words: Sequence[str]
    counts: Mapping[str, int]
    near: float
    other: float
    clip_seconds: float
    seed: int

    def takes(self, speakers: Speakers, voices: Mapping[str, Sequence[str]]) -> list[Take]:
        """Return all takes in their order; voices are the speakers' names by split."""
        found = [take for split in SPLITS for take in self._words(split, voices[split], speakers.accents)]
        if self.near or self.other:
            sounds = Sounds(speakers, self.words)
            found += self._near(sounds, voices) if self.near else ()
            found += self._other(sounds, voices) if self.other else ()
            found += self._noise()
        return found

    def _words(self, split: str, voices: Sequence[str], accents: Sequence[str]) -> Iterator[Take]:
        """What is to be spoken in a split: the voices take turns, in an order of its own for every word."""
        for word in self.words:
            shuffled = sorted(voices, key=lambda voice: stable_integer(self.seed, split, word, voice))
            for index in range(self.counts[split]):
                draw = np.random.default_rng(stable_integer(self.seed, split, word, index))
                accent = accents[int(draw.integers(len(accents)))]
                yield Take(split, word, shuffled[index % len(voices)], accent, index, draw)

    def _near(self, sounds: "Sounds", voices: Mapping[str, Sequence[str]]) -> Iterator[Take]:
        """What is near the words in all accents; no phrase is in two splits, as no voice is."""
        for word in self.words:
            wanted = {split: round(self.near * count) for split, count in self.counts.items()}
            draw = np.random.default_rng(stable_integer(self.seed, "near", word))
            said = {accent: phrases[word] for accent, phrases in sounds.said.items() if phrases[word]}
            share = -(-sum(wanted.values()) // len(sounds.said))
            found = [
                (accent, phrase)
                for accent, own in said.items()
                for phrase in near(own, sounds.phonemes[accent], share, draw, sounds.known)
                if not sounds.hold_a_word(phrase)
            ]
            mixed = [found[k] for k in draw.permutation(len(found))]
            for split, phrases in _shared(mixed, wanted).items():
                for index in range(wanted[split] if phrases else 0):
                    accent, phrase = phrases[index % len(phrases)]
                    place = ("near", split, word, index)
                    yield from self._spoken(sounds, voices[split], accent, phrase, said[accent], place)

    def _other(self, sounds: "Sounds", voices: Mapping[str, Sequence[str]]) -> Iterator[Take]:
        """Words that no language has, in all accents; none is in two splits."""
        wanted = {split: round(self.other * count) for split, count in self.counts.items()}
        draw = np.random.default_rng(stable_integer(self.seed, "other"))
        share = -(-sum(wanted.values()) // len(sounds.said))
        longest = round(PHONEMES_A_SECOND * self.clip_seconds)
        found = [
            (accent, phrase)
            for accent, words in sounds.numbers.items()
            for phrase in made_up(words, sounds.phonemes[accent], longest, share, draw, sounds.known)
            if not sounds.hold_a_word(phrase)
        ]
        mixed = [found[k] for k in draw.permutation(len(found))]
        for split, phrases in _shared(mixed, wanted).items():
            for index in range(wanted[split] if phrases else 0):
                accent, phrase = phrases[index % len(phrases)]
                place = ("other", split, index)
                yield from self._spoken(sounds, voices[split], accent, phrase, phrase[:0], place)

    def _spoken(
        self,
        sounds: "Sounds",
        voices: Sequence[str],
        accent: str,
        phrase: Phrase,
        own: Phrase,
        place: tuple[str | int, ...],
    ) -> Iterator[Take]:
        """A phrase in a voice that can say it so that it is not the word's own; nothing where none can."""
        fit = [name for name in voices if sounds.speakers.tell_apart(name, phrase, own, accent)]
        if fit:
            kind, split, *rest = place
            voice = fit[stable_integer(self.seed, *place[1:]) % len(fit)]
            chance = np.random.default_rng(stable_integer(self.seed, *place))
            yield Take(str(split), UNKNOWN, voice, accent, int(rest[-1]), chance, phrase, kind == "near")

    def _noise(self) -> Iterator[Take]:
        """Clips in which nobody speaks."""
        for split in SPLITS:
            for index in range(self.counts[split]):
                draw = np.random.default_rng(stable_integer(self.seed, "noise", split, index))
                yield Take(split, SILENCE, "noise", "", index, draw)


def deal_voices(variants: Sequence[str], seed: int) -> dict[str, list[str]]:
    """Share out the voices: a tenth each for validation and test, at least one, the rest for training.

    Numbered relatives (klatt, klatt2, ...) stay together, since they sound alike.
    """
    families: dict[str, list[str]] = {}
    for variant in variants:
        families.setdefault(_family(variant), []).append(variant)
    voices: dict[str, list[str]] = {split: [] for split in SPLITS}
    for family in sorted(families, key=lambda family: stable_integer(seed, "voice", family)):
        wanting = (split for split in ("validation", "test") if len(voices[split]) < HELD_OUT * len(variants))
        voices[next(wanting, "train")] += families[family]
    return {split: sorted(names) for split, names in voices.items()}


def _family(variant: str) -> str:
    """Return what a voice and its relatives have in common: numbers, and piper's qualities, aside."""
    stem = _QUALITY.sub("", variant.lower()).rstrip("0123456789")
    return stem if len(stem) > 1 else variant.lower()


def _shared(
    phrases: list[tuple[str, Phrase]], wanted: Mapping[str, int]
) -> dict[str, list[tuple[str, Phrase]]]:
    """Share phrases out to the splits in proportion to the clips wanted; none is in two."""
    bounds, passed = [], 0
    for split in SPLITS:
        begin, passed = passed, passed + wanted[split]
        bounds.append((split, begin, passed))
    scale = len(phrases) / max(1, passed)
    return {split: phrases[round(begin * scale) : round(end * scale)] for split, begin, end in bounds}
