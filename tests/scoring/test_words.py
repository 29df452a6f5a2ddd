import json
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from speechsrt.scoring.words import Pair, Utterance, WordRow, WordScore, paired_interval

SENTENCE = st.lists(st.sampled_from(["a", "b", "ab", "cab", "schön"]), max_size=7).map(" ".join)


def score_of(*texts: tuple[str, str]) -> WordScore:
    """A score of (said, heard) texts, named 0, 1, ..."""
    names = [str(k) for k in range(len(texts))]
    return WordScore([said for said, _ in texts], [heard for _, heard in texts], names)


@st.composite
def scores(draw: st.DrawFn) -> WordScore:
    return score_of(*draw(st.lists(st.tuples(SENTENCE, SENTENCE), max_size=8)))


def distance(said: list[str] | str, heard: list[str] | str) -> int:
    """The fewest substitutions, deletions and insertions, by the table of all prefixes (Wagner & Fischer)."""
    table = np.zeros((len(said) + 1, len(heard) + 1), int)
    table[:, 0], table[0] = range(len(said) + 1), range(len(heard) + 1)
    for i, before in enumerate(said):
        for j, after in enumerate(heard):
            moves = (table[i, j] + (before != after), table[i, j + 1] + 1, table[i + 1, j] + 1)
            table[i + 1, j + 1] = min(moves)
    return int(table[-1, -1])


@pytest.fixture
def small() -> WordScore:
    """Ten words: one substituted, two deleted, one inserted; the last utterance is right."""
    return score_of(
        ("the cat sat on the mat", "the bat sat the mat"),
        ("yes", ""),
        ("no", "no no"),
        ("all is", "all is"),
    )


def test_hand_made_score(small):
    metrics = small.metrics()
    counts = ("utterances", "words", "substitutions", "deletions", "insertions")
    assert [metrics[key] for key in counts] == [4, 10, 1, 2, 1]
    assert metrics["wer"] == small.wer == 4 / 10
    # Characters: c becomes b, "on " goes, "yes" goes, " no" comes; 22 + 3 + 2 + 6 were said.
    assert metrics["cer"] == small.cer == (1 + 3 + 3 + 3) / 33


def test_the_rate_is_of_the_split_and_not_a_mean_of_utterances():
    assert score_of(("a", "b"), ("a b a b a b a b a", "a b a b a b a b a")).wer == 1 / 10


def test_utterances_are_aligned_in_the_order_given(small):
    first, second, third, last = small.utterances
    assert [pair.mark for pair in first.pairs] == ["", "S", "", "D", "", ""]
    assert first.pairs[1] == Pair("S", "cat", "bat")
    assert first.pairs[3] == Pair("D", "on", "")
    assert (first.words, first.errors, first.wer) == (6, 2, 1 / 3)
    assert second.pairs == (Pair("D", "yes", ""),)
    assert sorted(third.pairs) == [Pair("", "no", "no"), Pair("I", "", "no")]
    assert (third.words, third.errors) == (1, 1)
    assert last == Utterance("3", (Pair("", "all", "all"), Pair("", "is", "is")))


def test_the_worst_come_first_and_the_right_not_at_all(small):
    assert [utterance.name for utterance in small.worst()] == ["1", "2", "0"]
    assert [utterance.name for utterance in small.worst(1)] == ["1"]
    assert small.worst(0) == []


def test_of_equally_wrong_utterances_more_errors_come_first():
    worst = score_of(("a", "b"), ("a b", "b c"), ("a", "c")).worst()
    assert [utterance.name for utterance in worst] == ["1", "0", "2"]


def test_most_wrong_by_hand(small):
    assert small.most_wrong() == [
        WordRow("cat", 1, 1, 1, 0, 0, "bat"),
        WordRow("no", 1, 1, 0, 0, 1, ""),
        WordRow("on", 1, 1, 0, 1, 0, ""),
        WordRow("yes", 1, 1, 0, 1, 0, ""),
    ]
    assert small.most_wrong(1) == small.most_wrong()[:1]


def test_a_word_tells_what_it_was_mostly_heard_as():
    (row, *_) = score_of(("a", "c"), ("a", "b"), ("a", "b"), ("a", ""), ("a", "a")).most_wrong()
    assert row == WordRow("a", 5, 4, 3, 1, 0, "b")


def test_nothing_at_all():
    score = score_of()
    assert score.metrics() == {
        "utterances": 0,
        "words": 0,
        "wer": 0.0,
        "wer_interval": [0.0, 1.0],
        "cer": 0.0,
        "cer_interval": [0.0, 1.0],
        "substitutions": 0,
        "deletions": 0,
        "insertions": 0,
    }
    assert score.utterances == score.worst() == score.most_wrong() == []


@pytest.mark.parametrize(
    ("said", "heard", "wer", "cer"),
    [("", "", 0, 0), ("a b", "", 1, 1), ("", "a b", 2, 3), ("a", "a", 0, 0), ("a", "b c", 2, 3)],
)
def test_one_utterance_tells_nothing_of_the_spread(said, heard, wer, cer):
    score = score_of((said, heard))
    assert (score.wer, score.cer) == (wer, cer)
    assert score.wer_interval == (0.0, max(1.0, wer))
    assert score.cer_interval == (0.0, max(1.0, cer))


def test_white_space_of_any_kind_parts_words_and_counts_once():
    score = score_of(("  a\tb \u00a0 c\n", "a b c"), ("a b", "  a   b"))
    assert (score.wer, score.cer) == (0, 0)
    assert score.character_counts.tolist() == [[0, 0], [5, 3]]


def test_case_and_accents_count():
    assert score_of(("schön a", "schon A")).wer == 1


@settings(deadline=None)
@given(scores())
def test_errors_are_the_fewest_there_can_be(score):
    texts = list(zip(score.references, score.hypotheses, strict=True))
    words = [(distance(said.split(), heard.split()), len(said.split())) for said, heard in texts]
    characters = [(distance(said, heard), len(said)) for said, heard in texts]
    assert [tuple(pair) for pair in score.word_counts.T] == words
    assert [tuple(pair) for pair in score.character_counts.T] == characters


@settings(deadline=None)
@given(scores())
def test_alignments_hold_all_words_and_tell_the_truth(score):
    for utterance, said, heard in zip(score.utterances, score.references, score.hypotheses, strict=True):
        assert [pair.said for pair in utterance.pairs if pair.said] == said.split()
        assert [pair.heard for pair in utterance.pairs if pair.heard] == heard.split()
        for mark, before, after in utterance.pairs:
            kind = "D" if not after else "I" if not before else "S" if before != after else ""
            assert mark == kind


@settings(max_examples=20, deadline=None)
@given(scores())
def test_counts_add_up(score):
    metrics, rows = score.metrics(), score.most_wrong(100)
    errors = sum(metrics[kind] for kind in ("substitutions", "deletions", "insertions"))
    assert sum(row.errors for row in rows) == errors == score.word_counts[0].sum()
    assert all(row.errors == row.substitutions + row.deletions + row.insertions for row in rows)
    assert all(row.substitutions + row.deletions <= row.occurrences for row in rows)
    assert metrics["wer"] == errors / max(1, metrics["words"])


@settings(max_examples=20, deadline=None)
@given(scores())
def test_metrics_are_plain_and_survive_json(score):
    metrics = score.metrics()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics


@settings(max_examples=20, deadline=None)
@given(scores(), st.randoms(use_true_random=False))
def test_order_of_the_utterances_does_not_matter(score, random):
    order = list(range(len(score.names)))
    random.shuffle(order)
    texts = [(score.references[k], score.hypotheses[k]) for k in order]
    shuffled = score_of(*texts)
    assert shuffled.metrics() == score.metrics()
    assert shuffled.most_wrong() == score.most_wrong()


def test_numbers_of_texts_that_disagree_are_refused():
    with pytest.raises(ValueError, match="2 references, 1 hypotheses and 1 names"):
        WordScore(["a", "b"], ["a"], ["x"])


def noisy(seed: int, rate: float, utterances: int = 200) -> WordScore:
    """Utterances of 10 words, of which each is heard wrong by chance."""
    draws = np.random.default_rng(seed)
    heard = [" ".join("x" if wrong else "a" for wrong in draws.random(10) < rate) for _ in range(utterances)]
    return score_of(*((" ".join("a" * 10), text) for text in heard))


def test_the_interval_holds_the_rate_and_is_as_wide_as_theory_says():
    score = noisy(0, 0.2)
    low, high = score.wer_interval
    assert score.metrics()["wer_interval"] == [low, high]
    assert low < score.wer < high
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(0.2 * 0.8 / 2000), rel=0.15)


def test_a_pair_is_told_apart_where_its_own_intervals_overlap():
    first = noisy(0, 0.2)
    better = [text if k % 20 else text.replace("x", "a") for k, text in enumerate(first.hypotheses)]
    second = WordScore(first.references, better, first.names)
    difference, (low, high) = paired_interval(second, first)
    assert difference == second.wer - first.wer
    assert low < difference < high < 0
    assert second.wer_interval[1] > first.wer_interval[0]


def test_a_pair_turned_round_mirrors():
    first, second = noisy(0, 0.2), noisy(1, 0.3)
    difference, (low, high) = paired_interval(first, second)
    mirrored, (low_mirrored, high_mirrored) = paired_interval(second, first)
    assert mirrored == -difference
    assert (low_mirrored, high_mirrored) == pytest.approx((-high, -low), abs=0.006)


@settings(max_examples=20, deadline=None)
@given(scores())
def test_a_system_does_not_differ_from_itself(score):
    assume(len(score.names) > 1)
    assert paired_interval(score, score) == (0, (0, 0))


def test_a_pair_of_one_utterance_tells_nothing():
    assert paired_interval(score_of(("a", "b")), score_of(("a", "a"))) == (1, (-math.inf, math.inf))


@pytest.mark.parametrize(
    "other",
    [
        WordScore(["a"], ["a"], ["1"]),
        WordScore(["b"], ["a"], ["0"]),
        WordScore(["a", "a"], ["a", "a"], ["0", "1"]),
    ],
)
def test_a_pair_needs_the_same_utterances(other):
    with pytest.raises(ValueError, match="same utterances"):
        paired_interval(score_of(("a", "a")), other)
