"""What is spoken: near phrases are no words, in no two splits, in every accent."""

import pytest

from speechsrt.audio.speakers import Speakers
from speechsrt.audio.synthesis import Espeak
from speechsrt.corpora.near import NUMBERS, holds, sound
from speechsrt.corpora.takes import Plan, Take, deal_voices
from speechsrt.decoding.spotting import UNKNOWN

WORDS = ("go", "no", "off", "on", "up stop")


@pytest.fixture(scope="module")
def planned() -> tuple[list[Take], set[str], tuple[str, ...]]:
    pytest.importorskip("espeakng_loader")
    with Speakers("en", None, NUMBERS) as speakers:
        voices = deal_voices(speakers.names, 0)
        counts = {"train": 60, "validation": 12, "test": 12}
        takes = Plan(WORDS, counts, 1.0, 1.0, 1.0, 0).takes(speakers, voices)
        words = {
            sound(speakers.phonemes(word, accent)) for word in (*WORDS, "stop") for accent in speakers.accents
        }
        return takes, words, speakers.accents


def test_no_near_phrase_is_in_two_splits_of_any_word(planned: tuple[list[Take], set[str], tuple]) -> None:
    splits: dict[str, set[str]] = {}
    for take in planned[0]:
        if take.phrase is not None:
            splits.setdefault(sound(take.phrase), set()).add(take.split)
    assert len(splits) > 200
    assert all(len(found) == 1 for found in splits.values())


def test_no_word_is_among_what_is_near_another(planned: tuple[list[Take], set[str], tuple]) -> None:
    takes, words, _ = planned
    near = {sound(take.phrase) for take in takes if take.near and take.phrase is not None}
    far = {sound(take.phrase) for take in takes if not take.near and take.phrase is not None}
    assert len(far) == 60 + 12 + 12
    assert not far & (words | near)
    with_stop = {phrase for phrase in words if phrase not in near}
    assert len(words - with_stop) <= 1, '"stop" alone is near "up stop" and no word; nothing else is'


def test_words_and_what_is_near_them_have_the_same_accents(
    planned: tuple[list[Take], set[str], tuple],
) -> None:
    takes, _, accents = planned
    for split in ("train", "validation", "test"):
        own = [take for take in takes if take.split == split]
        assert {take.accent for take in own if take.word == UNKNOWN} == set(accents)
        assert {take.accent for take in own if take.word in WORDS} == set(accents)


def test_a_phrase_that_holds_a_word() -> None:
    hey, you, who = ["h", "'eI"], ["j", "'u:"], ["h", "'u:"]
    assert holds([hey, you], [you])
    assert holds([hey, ["j", "u:"]], [you]), "whatever its stress"
    assert not holds([hey, you], [who])
    assert not holds([hey, you], [hey, you, you])


@pytest.mark.parametrize("count", range(1, 9))
def test_phonemes_of_texts_of_every_length(espeak: Espeak, count: int) -> None:
    words = ["robot", "pizza", "window", "banana", "seven", "tiger", "kitchen", "lemon"][:count]
    apart = [word for text in words for word in espeak.phonemes(text, "en-us")]
    assert sound(espeak.phonemes(" ".join(words), "en-us")) == sound(apart)


def test_phonemes_of_several_clauses(espeak: Espeak) -> None:
    told = espeak.phonemes("hey computer, lights on!", "en-us")
    assert [sound([word]) for word in told] == [
        sound([word])
        for text in ("hey", "computer", "lights", "on")
        for word in espeak.phonemes(text, "en-us")
    ]


@pytest.fixture(scope="module")
def espeak():
    pytest.importorskip("espeakng_loader")
    with Espeak() as speaker:
        yield speaker
