import pytest
import torch

from speechsrt.decoding.hypothesis import Hypothesis, Word, collapse, words_of
from speechsrt.text.characters import Characters

LETTERS = Characters(" abc")
SPACE, A, B, C, BLANK = range(5)


def test_no_tokens_are_no_words():
    assert words_of(Hypothesis([], [], [], []), LETTERS, 0.02) == []


def test_a_word_lasts_from_its_first_token_to_its_last_ones_end():
    heard = Hypothesis([A, B, SPACE, C], [1, 4, 6, 10], [2, 6, 7, 11], [1.0, 1.0, 0.5, 0.25])
    assert words_of(heard, LETTERS, 0.5, offset=10.0) == [
        Word("ab", 10.5, 13.0, 1.0),
        Word("c", 15.0, 15.5, 0.25),
    ]


def test_spaces_alone_are_no_words():
    assert words_of(Hypothesis([SPACE, SPACE], [0, 2], [1, 3], [1.0, 1.0]), LETTERS, 0.02) == []


def test_the_confidence_of_a_word_is_the_geometric_mean():
    (word,) = words_of(Hypothesis([A, B], [0, 1], [1, 2], [0.9, 0.4]), LETTERS, 0.02)
    assert word.confidence == pytest.approx(0.6)


def test_the_confidence_of_a_long_word_does_not_vanish():
    many = 500
    heard = Hypothesis([A, B] * many, list(range(2 * many)), list(range(1, 2 * many + 1)), [1e-3] * 2 * many)
    assert words_of(heard, LETTERS, 0.02)[0].confidence == pytest.approx(1e-3)


def test_an_impossible_token_takes_the_confidence_away():
    (word,) = words_of(Hypothesis([A, B], [0, 1], [1, 2], [0.9, 0.0]), LETTERS, 0.02)
    assert word.confidence == 0.0


def test_a_path_is_read_by_its_runs():
    paths = torch.tensor([[A, A, BLANK, A, B, B, BLANK]])
    probabilities = torch.tensor([[0.5, 0.75, 1.0, 0.25, 0.125, 0.5, 1.0]])
    (heard,) = collapse(paths, probabilities.log(), torch.tensor([7]), BLANK)
    assert (heard.tokens, heard.starts, heard.ends) == ([A, A, B], [0, 3, 4], [2, 4, 6])
    assert heard.scores == pytest.approx([0.75, 0.25, 0.5])
