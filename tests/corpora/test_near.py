"""Near phrases: different from the phrase and from each other, and near it."""

from difflib import SequenceMatcher

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.audio.synthesis import Espeak, bare, spelled
from speechsrt.corpora.near import NUMBERS, is_vowel, made_up, near, sound

HEY = [["h", "'eI"], ["k", "@", "m", "p", "j", "'u:", "t", "3"]]
LANGUAGE = ["'eI", "@", "'u:", "3", "i:", "k", "m", "p", "t", "s", "f", "l"]


@given(st.integers(0, 1000), st.integers(1, 30))
def test_all_differ_from_the_phrase_and_from_each_other(seed: int, count: int):
    found = list(map(spelled, near(HEY, LANGUAGE, count, np.random.default_rng(seed))))
    assert len(found) == len(set(found)) == count
    assert spelled(HEY) not in found
    assert all(phrase.startswith("[[") and phrase.endswith("]]") and len(phrase) > 4 for phrase in found)


@given(st.integers(0, 100))
def test_a_word_alone_keeps_most_of_its_sounds(seed: int):
    word = HEY[1:]
    for phrase in near(word, LANGUAGE, 10, np.random.default_rng(seed)):
        assert SequenceMatcher(None, spelled(word), spelled(phrase)).ratio() > 0.6


@given(st.integers(0, 100))
def test_vowels_go_for_vowels(seed: int):
    for phrase in near([["k", "'u:"]], ["'eI", "k", "m"], 4, np.random.default_rng(seed)):
        assert spelled(phrase) in {"[[m'u:]]", "[[k'eI]]", "[[m'eI]]", "[[k]]", "[['u:]]"}


def test_the_same_draws_give_the_same_phrases():
    one, other = (near(HEY, LANGUAGE, 9, np.random.default_rng(3)) for _ in range(2))
    assert one == other


def test_where_there_is_nothing_else_fewer_are_found():
    assert near([["k"]], ["k"], 5, np.random.default_rng(0)) == []


@pytest.mark.parametrize(
    ("phoneme", "plain", "vowel"), [("'eI", "eI", True), ("t#", "t#", False), ("3", "3", True)]
)
def test_phonemes(phoneme: str, plain: str, vowel: bool):
    assert (bare(phoneme), is_vowel(phoneme)) == (plain, vowel)


@pytest.mark.parametrize("language", ["en-us", "de", "cmn", "hi"])
def test_numbers_tell_a_language_apart_and_near_phrases_can_be_spoken(language: str):
    pytest.importorskip("espeakng_loader")
    with Espeak() as espeak:
        phonemes = {phoneme for word in espeak.phonemes(NUMBERS, language) for phoneme in word}
        assert len({bare(phoneme) for phoneme in phonemes}) > 12
        phrase = espeak.phonemes("7 20", language)
        whole = espeak.say("7 20", language)
        again = espeak.say(spelled(phrase), language)
        assert 0.5 < len(again) / len(whole) < 2
        for other in near(phrase, phonemes, 3, np.random.default_rng(0)):
            assert len(espeak.say(spelled(other), language)) > 500


TEMPLATES = [["s", "'I", "k", "s"], ["t", "'u:"], ["s", "'E", "v", "@", "n"], []]


@given(st.integers(0, 1000), st.integers(1, 12))
def test_made_up_words_are_built_like_words_and_no_longer_than_was_asked(seed: int, phonemes: int):
    known = {sound([["t", "'u:"]])}
    found = made_up(TEMPLATES, LANGUAGE, phonemes, 8, np.random.default_rng(seed), known)
    assert len({sound(phrase) for phrase in found}) == len(found) > 0
    shapes = {"".join("v" if is_vowel(p) else "c" for p in word) for word in TEMPLATES if word}
    for phrase in found:
        assert {"".join("v" if is_vowel(p) else "c" for p in word) for word in phrase} <= shapes
        assert sum(map(len, phrase)) <= max(2, phonemes)
        assert sound(phrase) in known


def test_made_up_words_that_are_not_there_are_not_found():
    assert made_up([["k"]], ["k"], 1, 2, np.random.default_rng(0), {"[[k]]"}) == []
