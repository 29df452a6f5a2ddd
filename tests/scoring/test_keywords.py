import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.scoring.keywords import KeywordScore, Mistake, WordRow


def score_of(truth: list[int], predicted: list[int], certainty: list[float], labels: str) -> KeywordScore:
    """A score in which clip i was heard as `predicted[i]` with the given probability."""
    words = len(labels)
    rest = (1 - np.array(certainty)) / max(1, words - 1)
    probabilities = np.repeat(rest[:, None], words, axis=1).reshape(len(truth), words)
    probabilities[np.arange(len(truth)), np.array(predicted, np.intp)] = certainty
    names = [f"clip{i}.wav" for i in range(len(truth))]
    return KeywordScore(tuple(labels), np.array(truth, np.int64), probabilities, names)


@st.composite
def scores(draw: st.DrawFn) -> KeywordScore:
    words = draw(st.integers(1, 6))
    word = st.integers(0, words - 1)
    clips = draw(st.lists(st.tuples(word, word, st.floats(0.6, 1)), max_size=30))
    return score_of([c[0] for c in clips], [c[1] for c in clips], [c[2] for c in clips], "abcdef"[:words])


@pytest.fixture
def small() -> KeywordScore:
    """Five clips over a, b, c and d: a a b b c heard as a b b b a; d is neither said nor heard."""
    return score_of([0, 0, 1, 1, 2], [0, 1, 1, 1, 0], [0.9, 0.7, 0.8, 0.6, 0.95], "abcd")


def test_hand_made_score(small):
    assert small.predicted.tolist() == [0, 1, 1, 1, 0]
    assert small.confusion.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert small.accuracy == 0.6
    assert small.macro_accuracy == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert small.per_word() == [
        WordRow("a", 2, 1 / 2, 1 / 2),
        WordRow("b", 2, 2 / 3, 1.0),
        WordRow("c", 1, None, 0.0),
        WordRow("d", 0, None, None),
    ]


def test_mistakes_come_surest_first(small):
    expected = [Mistake("clip4.wav", "c", "a", 0.95), Mistake("clip1.wav", "a", "b", 0.7)]
    assert small.mistakes() == expected
    assert small.mistakes(1) == expected[:1]
    assert small.mistakes(0) == []


def test_equally_sure_mistakes_keep_the_order_of_the_clips():
    score = score_of([0, 0, 0], [1, 1, 1], [0.8, 0.9, 0.8], "ab")
    assert [mistake.name for mistake in score.mistakes()] == ["clip1.wav", "clip0.wav", "clip2.wav"]


def test_metrics_are_plain_and_survive_json(small):
    metrics = small.metrics()
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert list(metrics) == ["utterances", "accuracy", "accuracy_interval", "macro_accuracy", "false_rejects"]
    assert metrics["accuracy_interval"] == pytest.approx([0.2307, 0.8824], abs=1e-4)


def test_no_clips_know_nothing():
    score = score_of([], [], [], "ab")
    expected = {"utterances": 0, "accuracy": 0.0, "accuracy_interval": [0.0, 1.0], "macro_accuracy": 0.0}
    expected |= {"false_rejects": 0.0}
    assert score.metrics() == expected
    assert score.confusion.tolist() == [[0, 0], [0, 0]]
    assert score.mistakes() == []


def test_one_clip_of_one_word():
    score = score_of([0], [0], [1.0], "a")
    assert score.accuracy == score.macro_accuracy == 1.0
    assert score.mistakes() == []


def test_a_tie_goes_to_the_first_label():
    score = KeywordScore(("a", "b"), np.array([1]), np.array([[0.5, 0.5]]), ["x.wav"])
    assert score.mistakes() == [Mistake("x.wav", "b", "a", 0.5)]


@given(scores())
def test_counts_add_up(score):
    clips = len(score.names)
    assert score.confusion.sum() == clips
    assert sum(row.clips for row in score.per_word()) == clips
    assert len(score.mistakes(clips)) == clips - score.correct
    assert score.accuracy_interval[0] <= score.accuracy <= score.accuracy_interval[1]


@given(scores())
def test_confusion_agrees_with_counting_one_by_one(score):
    slow = np.zeros_like(score.confusion)
    for said, heard in zip(score.truth, score.predicted, strict=True):
        slow[said, heard] += 1
    assert np.array_equal(score.confusion, slow)


@given(scores(), st.randoms(use_true_random=False))
def test_order_of_the_clips_does_not_matter(score, random):
    order = list(range(len(score.names)))
    random.shuffle(order)
    shuffled = KeywordScore(
        score.labels, score.truth[order], score.probabilities[order], [score.names[i] for i in order]
    )
    assert shuffled.metrics() == score.metrics()


@pytest.mark.parametrize(
    ("labels", "truth", "probabilities", "message"),
    [
        ((), [0], [[]], "no labels"),
        (("a", "b"), [0, 1], [[1, 0]], "names and 2 labels"),
        (("a", "b"), [0], [[1, 0, 0]], "names and 2 labels"),
        (("a", "b"), [2], [[1, 0]], "outside 0..1"),
        (("a", "b"), [-1], [[1, 0]], "outside 0..1"),
        (("a", "b"), [0], [[np.nan, 0]], "not finite"),
    ],
)
def test_disagreeing_pieces_are_refused(labels, truth, probabilities, message):
    with pytest.raises(ValueError, match=message):
        KeywordScore(labels, np.array(truth), np.array(probabilities, float), ["x.wav"])


def test_false_rejects_at_a_share_of_false_alarms():
    """Ten clips of two words: the rivals are 0.9, 0.7, 0.55, 0.44, ..."""
    own = np.array([0.95, 0.92, 0.8, 0.71, 0.65, 0.6, 0.56, 0.45, 0.3, 0.1])
    chances = np.stack([own, 1 - own], 1)
    score = KeywordScore(("a", "b"), np.zeros(10, int), chances, [str(n) for n in range(10)])
    assert score.false_rejects(0.0) == pytest.approx(0.8), "two are above 0.9"
    assert score.false_rejects(0.1) == pytest.approx(0.6), "four are above 0.7"
    assert score.false_rejects(0.2) == pytest.approx(0.3), "seven are above 0.55"
    assert score.false_rejects(1.0) == 0.0


def test_false_rejects_of_a_perfect_and_of_a_constant_model():
    perfect = KeywordScore(("a", "b"), np.array([0, 1]), np.eye(2), ["x", "y"])
    assert perfect.false_rejects() == 0.0
    constant = KeywordScore(("a", "b"), np.array([0, 1]), np.full((2, 2), 0.5), ["x", "y"])
    assert constant.false_rejects() == 1.0
