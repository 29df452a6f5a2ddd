import itertools
import math
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.errors import UserError
from speechsrt.text.ngram import BEGIN, END, FALLBACK, UNKNOWN, discounts, write_arpa

Gram = tuple[str, ...]
Model = dict[Gram, tuple[float, float]]

texts = st.lists(st.lists(st.sampled_from("abcd"), max_size=6).map(" ".join), min_size=1, max_size=12).filter(
    any
)


def read_arpa(path: Path) -> list[Model]:
    """For each order, log10 of the probability and of the back-off weight of its n-grams."""
    head, *sections, tail = path.read_text(encoding="utf-8").split("\n\n")
    assert head.startswith("\\data\\\n")
    assert tail == "\\end\\\n"
    orders: list[Model] = []
    for n, (declared, section) in enumerate(zip(head.split("\n")[1:], sections, strict=True), 1):
        title, *lines = section.rstrip("\n").split("\n")
        assert title == f"\\{n}-grams:"
        rows = [line.split("\t") for line in lines]
        orders.append({tuple(row[1].split(" ")): (float(row[0]), float((*row, 0)[2])) for row in rows})
        assert all(len(gram) == n for gram in orders[-1])
        assert declared == f"ngram {n}={len(orders[-1])}" == f"ngram {n}={len(lines)}"
    return orders


def score(orders: list[Model], history: Gram, word: str) -> float:
    """log10 of a word's probability after a history, as an ARPA file means it."""
    gram = (*history, word if (word,) in orders[0] else UNKNOWN)[-len(orders) :]
    if gram in orders[len(gram) - 1]:
        return orders[len(gram) - 1][gram][0]
    _, backoff = orders[len(gram) - 2].get(gram[:-1], (0, 0))
    return backoff + score(orders, gram[1:-1], word)


def estimated(path: Path, sentences: list[str], order: int) -> list[Model]:
    write_arpa(path, sentences, order)
    return read_arpa(path)


def reference(sentences: list[str], order: int) -> Callable[[Gram, str], float]:
    """The formulas of the module's docstring, word for word and slowly."""
    marked = [(BEGIN, *sentence.split(), END) for sentence in sentences if sentence]
    occurs = Counter(
        sentence[start : start + n]
        for sentence in marked
        for n in range(1, order + 1)
        for start in range(len(sentence) - n + 1)
    )
    words = {gram[0] for gram in occurs if len(gram) == 1} - {BEGIN}

    def count(gram: Gram) -> int:
        if len(gram) == order or gram[0] == BEGIN:
            return occurs[gram]
        return sum((word, *gram) in occurs for word in {BEGIN, *words})

    rates = {
        n: discounts(np.array([count(gram) for gram in occurs if len(gram) == n and gram != (BEGIN,)]))
        for n in range(1, order + 1)
    }

    def probability(history: Gram, word: str) -> float:
        discount = rates[len(history) + 1]
        counts = {x: count((*history, x)) for x in words}
        lower = probability(history[1:], word) if history else 1 / (len(words) + 1)
        total = sum(counts.values())
        if not total:
            return lower
        mine = counts.get(word, 0)
        rest = sum(discount[min(value, 3)] for value in counts.values())
        return float(mine - discount[min(mine, 3)] + rest * lower) / total

    return probability


def drawn(sentences: int) -> list[str]:
    """A text of eleven words, the first of them frequent, from a linear congruential generator."""
    state, text = 1, []
    for _ in range(sentences):
        words: list[str] = []
        while True:
            state = (1103515245 * state + 12345) % 2**31
            number = int(12 ** (state / 2**31)) - 1
            if number == 0 and words:
                break
            words.append("abcdefghijk"[number])
        text.append(" ".join(words))
    return text


def test_two_sentences_by_hand(tmp_path: Path):
    unigrams, bigrams = estimated(tmp_path / "lm.arpa", ["a b", "a"], 2)
    # Continuation counts a 1, b 1, </s> 2; discounts 1/2, 1/2, 1 of 4; so half is dealt out to four words.
    assert {gram: 10**log for (gram,), (log, _) in unigrams.items() if gram != BEGIN} == pytest.approx(
        {"a": 0.25, "b": 0.25, END: 0.375, UNKNOWN: 0.125}, rel=1e-5
    )
    assert {" ".join(gram): 10**log for gram, (log, _) in bigrams.items()} == pytest.approx(
        {"<s> a": 0.5 + 0.5 * 0.25, "a b": 0.25 + 0.5 * 0.25, "a </s>": 0.25 + 0.5 * 0.375, "b </s>": 0.6875},
        rel=1e-5,
    )
    assert unigrams[(BEGIN,)] == (-99, pytest.approx(math.log10(0.5), abs=1e-6))


def test_one_word_alone(tmp_path: Path):
    (unigrams, pairs) = estimated(tmp_path / "lm.arpa", ["a"], 1)
    assert 10 ** unigrams["a",][0] == pytest.approx(0.25 + 0.5 / 3, rel=1e-5)
    assert pairs == {}


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@settings(max_examples=25, deadline=None)
@given(text=texts)
def test_probabilities_after_every_history_sum_to_one(
    tmp_path_factory: pytest.TempPathFactory, order: int, text: list[str]
):
    longest = max(len(sentence.split()) for sentence in text) + 2
    orders = estimated(tmp_path_factory.mktemp("lm") / "lm.arpa", text, min(order, longest))
    words = [gram for (gram,) in orders[0] if gram != BEGIN]
    for length in range(order):
        for rest in itertools.product(words, repeat=length):
            for history in (rest, (BEGIN, *rest)):
                total = sum(10 ** score(orders, history, word) for word in words)
                assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@settings(max_examples=25, deadline=None)
@given(text=texts)
def test_slow_reference(tmp_path_factory: pytest.TempPathFactory, order: int, text: list[str]):
    order = min(order, max(len(sentence.split()) for sentence in text) + 2)
    wanted = reference(text, order)
    orders = estimated(tmp_path_factory.mktemp("lm") / "lm.arpa", text, order)
    for gram, (log, _) in {gram: row for model in orders for gram, row in model.items()}.items():
        if gram != (BEGIN,):
            assert 10**log == pytest.approx(wanted(gram[:-1], gram[-1]), rel=1e-5)
    for history in itertools.product("abcd", repeat=order - 1):
        assert 10 ** score(orders, history, "a") == pytest.approx(wanted(history, "a"), rel=1e-5)


def test_slow_reference_where_no_discount_falls_back(tmp_path: Path):
    text = drawn(100)
    wanted = reference(text, 3)
    orders = estimated(tmp_path / "lm.arpa", text, 3)
    for history in (("a", "b"), (BEGIN, "c"), ("k", "k"), (BEGIN,), ()):
        for word in (*"abcdefghijk", END, UNKNOWN):
            assert 10 ** score(orders, history, word) == pytest.approx(wanted(history, word), rel=1e-5)


def test_golden_numbers_of_kenlms_own_estimator(tmp_path: Path):
    """From `lmplz -o 3 --discount_fallback`, built from the sources of the package kenlm 0.3.0."""
    orders = estimated(tmp_path / "lm.arpa", drawn(100), 3)
    assert [len(model) for model in orders] == [14, 109, 242]
    golden = {
        "<unk>": (-1.920921, 0),
        "</s>": (-1.0036936, 0),
        "c": (-0.96526146, -0.3597823),
        "j": (-1.2044265, -0.2206942),
        "a c": (-0.8882486, -0.11495452),
        "g h": (-1.1024246, -0.11495452),
        "e f </s>": (-0.73208356, 0),
        "<s> b c": (-1.0616277, 0),
        "<s> c b": (-0.7353017, 0),
        "e c g": (-0.72594744, 0),
    }
    for text, row in golden.items():
        gram = tuple(text.split())
        assert orders[len(gram) - 1][gram] == pytest.approx(row, abs=2e-6)
    assert orders[0][(BEGIN,)][1] == pytest.approx(-0.7079642, abs=2e-6)


@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_kenlm_scores_as_the_file_says(tmp_path: Path, order: int):
    decoder = pytest.importorskip("flashlight.lib.text.decoder.kenlm")
    dictionary = pytest.importorskip("flashlight.lib.text.dictionary")
    path = tmp_path / "lm.arpa"
    orders = estimated(path, drawn(100), order)
    words = [gram for (gram,) in orders[0] if gram not in (BEGIN, END)]
    kenlm = decoder.KenLM(str(path), dictionary.Dictionary(words))
    for sentence in (["a"], ["b", "c", "d", "a"], ["k", UNKNOWN, "e", "e", "e"], []):
        state, history = kenlm.start(False), (BEGIN,)
        for word in sentence:
            state, found = kenlm.score(state, words.index(word))
            assert found == pytest.approx(score(orders, history, word), abs=1e-5)
            history = (*history, word)
        _, found = kenlm.finish(state)
        assert found == pytest.approx(score(orders, history, END), abs=1e-5)


def test_the_discounts_by_hand():
    counts = np.repeat([0, 1, 2, 3, 4, 9], [5, 4, 2, 1, 1, 7])
    assert discounts(counts) == pytest.approx([0, 0.5, 2 - 1.5 / 2, 3 - 2])


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [1],
        [2, 3, 4],
        [1, 3, 4],
        [1, 2, 4],
        [1, 2, 3],
        # Rising numbers of n-grams by count: D2 = 2 - 3 * (1 / 3) * 3 is below zero.
        [1, 2, 3, 3, 3, 4],
        # D2 = 2 - 3 * (1 / 3) * 2 is zero, and would leave nothing for what was not seen.
        [1, 2, 3, 3, 4],
    ],
)
def test_discounts_that_the_text_does_not_tell_fall_back(counts: list[int]):
    assert discounts(np.array(counts, int)) == pytest.approx([0, *FALLBACK])


def test_empty_sentences_are_passed_over_and_sentences_may_come_from_anywhere(tmp_path: Path):
    write_arpa(tmp_path / "a.arpa", ["a b", "c"], 2)
    write_arpa(tmp_path / "deep" / "b.arpa", iter(["", "a  b ", " ", "c\n"]), 2)
    assert (tmp_path / "a.arpa").read_bytes() == (tmp_path / "deep" / "b.arpa").read_bytes()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.arpa", "b.arpa", "deep"]


def test_words_of_any_script(tmp_path: Path):
    unigrams, _ = estimated(tmp_path / "lm.arpa", ["schön ж", "日本"], 2)
    assert set(unigrams) == {(word,) for word in (UNKNOWN, BEGIN, END, "schön", "ж", "日本")}


@pytest.mark.parametrize("order", [-1, 0, 7])
def test_an_order_out_of_range_is_a_mistake(tmp_path: Path, order: int):
    with pytest.raises(UserError, match=rf"ngram={order}: the decoder reads no such order; write 1 to 6"):
        write_arpa(tmp_path / "lm.arpa", ["a b c d e f"], order)


def test_an_order_that_no_sentence_is_long_enough_for_is_a_mistake(tmp_path: Path):
    with pytest.raises(UserError, match=r"ngram=4: no sentence is long enough; write 3 or less"):
        write_arpa(tmp_path / "lm.arpa", ["a", "b"], 4)


@pytest.mark.parametrize("sentences", [[], ["", " "]])
def test_no_text_is_a_mistake(tmp_path: Path, sentences: list[str]):
    with pytest.raises(UserError, match=re.escape("ngram: there is no text to learn from")):
        write_arpa(tmp_path / "lm.arpa", sentences, 3)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mark", [BEGIN, END, UNKNOWN])
def test_a_mark_in_the_text_is_a_mistake(tmp_path: Path, mark: str):
    with pytest.raises(UserError, match=f"ngram: the text holds {mark}, which the model has for itself"):
        write_arpa(tmp_path / "lm.arpa", [f"a {mark} b"], 2)
