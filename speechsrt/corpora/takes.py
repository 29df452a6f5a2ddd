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
from speechsrt.corpora.near import NUMBERS, holds, near, sound
from speechsrt.corpora.stable import stable_integer
from speechsrt.decoding.spotting import SILENCE, UNKNOWN

_QUALITY = re.compile(r"-(x_low|low|medium|high)$")
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

    @property
    def file(self) -> Path:
        """Where it is written, below the corpus folder."""
        number = str(self.index)
        if self.phrase is not None:
            number = f"{stable_integer(spelled(self.phrase)):016x}-{self.index}"
        return Path(self.split, self.word, f"{self.voice.replace(' ', '-')}_{number}.wav")


@dataclass(frozen=True)
class Plan:
    """What is to be spoken.

    Args:
        words: words or phrases.
        counts: clips of each, by split.
        near: clips of phrases near a word, in clips of the word; with any there are clips of noise too.
        seed: of all draws.
    """

    words: Sequence[str]
    counts: Mapping[str, int]
    near: float
    seed: int

    def takes(self, speakers: Speakers, voices: Mapping[str, Sequence[str]]) -> list[Take]:
        """Return all takes in their order; voices are the speakers' names by split."""
        found = [take for split in SPLITS for take in self._words(split, voices[split], speakers.accents)]
        if self.near:
            found += self._near(speakers, voices)
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

    def _near(self, speakers: Speakers, voices: Mapping[str, Sequence[str]]) -> Iterator[Take]:
        """What is near the words in all accents; no phrase is in two splits, as no voice is."""
        sounds = {
            accent: {phoneme for word in speakers.phonemes(NUMBERS, accent) for phoneme in word}
            for accent in speakers.accents
        }
        said = {
            accent: {word: speakers.phonemes(word, accent) for word in self.words}
            for accent in speakers.accents
        }
        words = [phrase for phrases in said.values() for phrase in phrases.values() if phrase]
        known = {sound(phrase) for phrase in words}
        for word in self.words:
            wanted = {split: round(self.near * count) for split, count in self.counts.items()}
            draw = np.random.default_rng(stable_integer(self.seed, "near", word))
            share = -(-sum(wanted.values()) // len(speakers.accents))
            found = [
                (accent, phrase)
                for accent in speakers.accents
                if said[accent][word]
                for phrase in near(said[accent][word], sounds[accent], share, draw, known)
                if not any(holds(phrase, other) for other in words)
            ]
            mixed = [found[k] for k in draw.permutation(len(found))]
            for split, phrases in _shared(mixed, wanted).items():
                for index in range(wanted[split] if phrases else 0):
                    accent, phrase = phrases[index % len(phrases)]
                    own = said[accent][word]
                    fit = [name for name in voices[split] if speakers.tell_apart(name, phrase, own, accent)]
                    if fit:
                        voice = fit[stable_integer(self.seed, split, word, index) % len(fit)]
                        chance = np.random.default_rng(stable_integer(self.seed, "near", split, word, index))
                        yield Take(split, UNKNOWN, voice, accent, index, chance, phrase)

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
