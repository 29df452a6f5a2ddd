import pytest
from omegaconf import OmegaConf

from speechsrt.corpora.settings import check_positive, check_sample_rate, check_whole, check_words, choose
from speechsrt.errors import UserError


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("yes", r"write data.words=\[yes\]"),
        (3, "is not a list of words"),
        ([True], r'read as a truth value.* in quotes, as in \["yes", "no"\]'),
        ([7], r'put it in quotes, as in \["7"\]'),
        ([""], "may not be empty"),
        (["a/b"], "hold a slash"),
        (["..", "b"], "begin with a dot"),
        (["a", "b", "a"], "a is listed twice"),
        ([], "names no word"),
    ],
)
def test_words_that_make_no_sense_are_named(words: object, message: str):
    with pytest.raises(UserError, match=message):
        check_words(words)


def test_words_may_come_out_of_a_configuration_and_hold_anything_else():
    assert check_words(OmegaConf.create(["turn on", "schöön"])) == ("turn on", "schöön")
    assert check_words(None) is None


def test_labels_follow_the_sorted_vocabulary_whatever_the_order_asked_for():
    assert choose(["b", "a", "c"], ["c", "a"], "it") == ("a", "c")
    assert choose(["b", "a"], None, "it") == ("a", "b")


def test_a_word_outside_the_vocabulary_gets_close_matches():
    with pytest.raises(UserError, match='"stpo" is not a word of it; did you mean stop'):
        choose(["stop", "go"], ["stpo"], "it")
    with pytest.raises(UserError, match="choose from go, stop"):
        choose(["stop", "go"], ["xylophone"], "it")


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "1", None, True])
def test_a_length_is_a_number_above_zero(value: object):
    with pytest.raises(UserError, match=r"data\.clip_seconds="):
        check_positive(value, "data.clip_seconds")


@pytest.mark.parametrize("value", [0, 100, 1_000_000, 16000.0, "16000", True])
def test_a_sample_rate_is_a_whole_number_that_carries_speech(value: object):
    with pytest.raises(UserError, match=r"data\.sample_rate="):
        check_sample_rate(value)


def test_a_count_has_a_least_value():
    assert check_whole(1, "data.n", 1) == 1
    with pytest.raises(UserError, match="whole number of at least 1"):
        check_whole(0, "data.n", 1)
