from itertools import groupby, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.corpora.alignable import frames_needed, unalignable
from speechsrt.corpora.manifest import Clip

BLANK = 3


def has_path(tokens: list[int], frames: int) -> bool:
    """Slow reference: some way to label the frames collapses to the tokens."""
    for path in product(range(BLANK + 1), repeat=frames):
        if [token for token, _ in groupby(path) if token != BLANK] == tokens:
            return True
    return False


@given(st.lists(st.integers(0, BLANK - 1), max_size=4), st.integers(0, 5))
def test_the_frames_needed_are_those_of_the_shortest_path(tokens: list[int], frames: int):
    assert has_path(tokens, frames) == (frames >= frames_needed(tokens))


@pytest.mark.parametrize(
    ("tokens", "frames"), [([], 0), ([1], 1), ([1, 1], 3), ([1, 2], 2), ([1, 1, 1], 5), ([1, 2, 1], 3)]
)
def test_frames_needed(tokens: list[int], frames: int):
    assert frames_needed(tokens) == frames


def encode(text: str) -> list[int]:
    return [ord(letter) for letter in text if letter.isascii()]


def frames_of(seconds: float) -> int:
    return int(seconds / 0.02)


def clip(text: str, seconds: float) -> Clip:
    return Clip("/a.wav", seconds, text)


def test_clips_that_do_not_fit_are_told_with_their_reason():
    fits, tight, empty = clip("hello", 0.12), clip("hello", 0.1), clip("灯", 1.0)
    assert unalignable([], encode, frames_of) == []
    assert unalignable([fits, tight, empty], encode, frames_of) == [
        (tight, "has 5 tokens, which need 6 frames; 0.10 s give 5"),
        (empty, 'has no text that the vocabulary can write ("灯")'),
    ]


def test_a_part_of_the_text_is_enough():
    assert unalignable([clip("灯 a", 0.1)], encode, frames_of) == []
