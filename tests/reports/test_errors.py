import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from speechsrt.reports.errors import WIDTH, errors_text
from speechsrt.scoring.words import WordScore

WORD = st.text(st.sampled_from("abö日\u0301م"), min_size=1, max_size=12)
SENTENCE = st.lists(WORD, max_size=30).map(" ".join)
SMALL = WordScore(
    ["the cat sat", "all is right", "", "日本 語"],
    ["the bat sat down", "all is right", "", "日本"],
    ["x/1.flac", "x/2.flac", "empty", "wide"],
)
EXPECTED = """\
x/1.flac  66.7 %  2/3
said  the cat sat ****
heard the bat sat down
          S       I

x/2.flac  0.0 %  0/3
said  all is right

empty  0.0 %  0/0

wide  50.0 %  1/2
said  日本 語
heard 日本 **
           D
"""


def alignments(text: str) -> list[tuple[list[str], list[str]]]:
    """What was said and what was heard, read back out of the file."""
    found = []
    _, _, told = text.partition("said alone.\n\n")
    for block in told.rstrip("\n").split("\n\n"):
        lines = block.splitlines()
        said, heard = ([line for line in lines[1:] if line.split()[0] == word] for word in ("said", "heard"))
        said, heard = ([word for line in kind for word in line.split()[1:]] for kind in (said, heard or said))
        found.append((said, heard))
    return found


def test_the_file_word_for_word():
    head, words, reading, utterances = re.split(r"\n\n(?=The words|Every|x/1)", errors_text(SMALL))
    assert head.startswith("word error rate       37.5 % [")
    assert "4 utterances, 8 words: 1 substituted (S), 1 deleted (D), 1 inserted (I)" in head
    assert words.splitlines()[2:] == [
        "word  said  errors  S  D  I  mostly heard as",
        "down     0       1  0  0  1",
        "cat      1       1  1  0  0  bat",
        "語       1       1  0  1  0",
    ]
    assert "in the order of the split" in reading
    assert utterances == EXPECTED


def test_nothing_scored():
    text = errors_text(WordScore([], [], []))
    assert "0 utterances, 0 words" in text
    assert "No word is wrong." in text


def test_an_empty_hypothesis_is_all_deletions():
    assert alignments(errors_text(WordScore(["a bc"], [""], ["x"]))) == [(["a", "bc"], ["*", "**"])]


def test_long_utterances_are_folded():
    words = " ".join(f"word{k}" for k in range(100))
    lines = errors_text(WordScore([words], [words.replace("word7 ", "")], ["x"])).splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert sum(line.startswith("said") for line in lines) == 8
    assert sum(line.split() == ["D"] for line in lines) == 1


def test_a_word_longer_than_a_line_has_one_of_its_own():
    score = WordScore(["a " + "b" * 200 + " c"], ["a c"], ["x"])
    assert [line for line in errors_text(score).splitlines() if line.startswith("said")] == [
        "said  a",
        "said  " + "b" * 200,
        "said  c",
    ]


def test_the_words_most_often_wrong_can_be_fewer():
    assert errors_text(SMALL, most=1).count("\ncat ") == 0
    assert "\ndown " in errors_text(SMALL, most=1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(SENTENCE, SENTENCE), min_size=1, max_size=4))
def test_words_stand_under_words_and_can_be_read_back(texts):
    score = WordScore([said for said, _ in texts], [heard for _, heard in texts], ["x"] * len(texts))
    text = errors_text(score)
    for utterance, (said, heard) in zip(score.utterances, alignments(text), strict=True):
        assert len(said) == len(heard) == len(utterance.pairs)
        for pair, before, after in zip(utterance.pairs, said, heard, strict=True):
            assert before.strip("*") == pair.said
            assert after.strip("*") == pair.heard
    lines = text.splitlines()
    for said, heard in pairwise(lines):
        if said.startswith("said ") and heard.startswith("heard "):
            assert starts(said) == starts(heard)


def starts(line: str) -> list[int]:
    """The column of a terminal at which each word begins."""
    return [cell_len(line[: word.start()]) for word in re.finditer(r"\S+", line)]
