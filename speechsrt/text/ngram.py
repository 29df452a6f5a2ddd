"""A language model of words: modified Kneser-Ney estimates of n-grams, written as an ARPA file.

S. F. Chen and J. Goodman, An empirical study of smoothing techniques for language modeling, Computer Speech
and Language 13, 1999, section 3; the sentence marks as in K. Heafield and others, Scalable modified
Kneser-Ney language model estimation, ACL 2013.

A sentence is read as `<s> w1 w2 ... </s>`. An n-gram's count a is how often it occurs where n is the highest
order N, or where it begins with `<s>`, which nothing can stand in front of; else it is its continuation
count, the number of different words that stand in front of it. With t_k the number of n-grams of one order
whose a is k, that order's discounts are

    Y = t1 / (t1 + 2 t2)    D1 = 1 - 2 Y t2 / t1    D2 = 2 - 3 Y t3 / t2    D3 = 3 - 4 Y t4 / t3

where D3 goes for every a of 3 and more. What is discounted after a history h is dealt out by the next lower
order, h' being h without its first word:

    p(w | h) = (a(h w) - D(a(h w))) / sum_x a(h x) + b(h) p(w | h')
    b(h) = sum_x D(a(h x)) / sum_x a(h x)

and below single words all are alike: p = 1 / V, where V counts the words of the text, `</s>` and `<unk>`.
`<unk>` occurs in no text, so its share of that is all it has; `<s>` is never predicted. So the probabilities
after every history sum to 1.

A text so small that one of t1 to t4 is zero, or a discount not above zero, gives no estimate of them: that
order then takes D1, D2 and D3 from `FALLBACK`, the numbers of KenLM's option `--discount_fallback`.

Kept in memory are the words of the text as numbers and its different n-grams, not the text itself: 0.3 GB
for a million words of English and order 3.
"""

import os
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechsrt.errors import UserError

MARKS = UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
"""Words of the model's own; their numbers are their places here."""
FALLBACK = (0.5, 1.0, 1.5)
LONGEST = 6
"""Flashlight's KenLM reads no higher orders."""
NEVER = -99.0
"""What ARPA files hold as the logarithm of zero."""

Integers = NDArray[np.integer]
Floats = NDArray[np.float64]


class _Text(NamedTuple):
    """Sentences with their marks, one after the other: each word's number, and its place in its sentence."""

    vocabulary: list[str]
    words: Integers
    places: Integers


class _Grams(NamedTuple):
    """The G different n-grams of one order.

    `words` (G, n) numbers; `counts` (G,) occurrences; `prefix` and `suffix` (G,): which n-gram of the next
    lower order the first and the last n - 1 words are.
    """

    words: Integers
    counts: Integers
    prefix: Integers
    suffix: Integers


class _Estimate(NamedTuple):
    """`probabilities` (G,) of an order's n-grams, and `backoffs` of those of the next lower one."""

    probabilities: Floats
    backoffs: Floats


def write_arpa(path: str | os.PathLike[str], sentences: Iterable[str], order: int) -> None:
    """Estimate an n-gram model from sentences and write it; the file appears whole or not at all.

    Args:
        path: the file; its folder is made.
        sentences: normalised, words with spaces between them; those without a word are passed over.
        order: n of the longest n-grams, 1 to `LONGEST`.

    Raises:
        UserError: an order out of range or one that no sentence is long enough for, a text without words,
            or one that holds `<s>`, `</s>` or `<unk>`.
    """
    if not 1 <= order <= LONGEST:
        raise UserError(f"ngram={order}: the decoder reads no such order; write 1 to {LONGEST}")
    text = _read(sentences)
    longest = int(text.places.max()) + 1
    if order > longest:
        raise UserError(f"ngram={order}: no sentence is long enough; write {longest} or less")
    grams = list(_collect(text, order))
    estimates = list(_estimate(grams))
    if order == 1:
        # KenLM opens no file without pairs, but does one with an empty list of them.
        grams.append(_Grams(*(np.empty((0, 2), int) for _ in _Grams._fields)))
        estimates.append(_Estimate(np.empty(0), np.ones(len(text.vocabulary))))
    _write(Path(path), text.vocabulary, grams, estimates)


def discounts(counts: Integers) -> Floats:
    """Return the discounts (4,) of an n-gram that counts 0, 1, 2, 3 and more.

    Args:
        counts: of all n-grams of one order; those of zero are passed over.
    """
    t1, t2, t3, t4 = (int(np.count_nonzero(counts == k)) for k in (1, 2, 3, 4))
    found = FALLBACK
    if t1 and t2 and t3 and t4:
        y = t1 / (t1 + 2 * t2)
        found = (1 - 2 * y * t2 / t1, 2 - 3 * y * t3 / t2, 3 - 4 * y * t4 / t3)
    return np.array([0.0, *(found if min(found) > 0 else FALLBACK)])


def _read(sentences: Iterable[str]) -> _Text:
    numbers = {mark: number for number, mark in enumerate(MARKS)}
    words, places = array("i"), array("i")
    for sentence in sentences:
        split = sentence.split()
        if marks := set(MARKS).intersection(split):
            raise UserError(f"ngram: the text holds {min(marks)}, which the model has for itself; remove it")
        if split:
            row = [BEGIN, *split, END]
            words.extend(numbers.setdefault(word, len(numbers)) for word in row)
            places.extend(range(len(row)))
    if not words:
        raise UserError("ngram: there is no text to learn from; check the training split")
    return _Text(list(numbers), np.asarray(words), np.asarray(places))


def _collect(text: _Text, order: int) -> Iterator[_Grams]:
    """Yield the n-grams of a text, order by order."""
    size = len(text.vocabulary)
    ending = text.words.astype(np.int64)
    counts, prefix, suffix = np.bincount(ending, minlength=size), np.zeros(size, int), np.zeros(size, int)
    counts[MARKS.index(BEGIN)], suffix[MARKS.index(BEGIN)] = 0, 1
    yield _Grams(np.arange(size)[:, None], counts, prefix, suffix)
    for n in range(2, order + 1):
        # `ending` tells which n-gram of the next lower order ends at each word.
        ends = np.flatnonzero(text.places >= n - 1)
        keys = ending[ends - 1] * size + text.words[ends]
        _, first, which, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        last = ends[first]
        words = text.words[last[:, None] + np.arange(1 - n, 1)]
        yield _Grams(words, counts, ending[last - 1], ending[last])
        ending[ends] = which


def _estimate(orders: list[_Grams]) -> Iterator[_Estimate]:
    """Yield probabilities and back-off weights, order by order."""
    # Below single words: the same for all, and none for "<s>".
    lower = np.array([1 / (len(orders[0].words) - 1), 0])
    for grams, longer in zip(orders, [*orders[1:], None], strict=True):
        counts = grams.counts if longer is None else _continued(grams, longer)
        removed = discounts(counts)[np.minimum(counts, 3)]
        total = np.bincount(grams.prefix, counts, len(lower))
        # What nothing follows, such as "</s>", leaves all to the next lower order.
        backoffs = np.bincount(grams.prefix, removed, len(lower)) / np.maximum(total, 1) + (total == 0)
        lower = (counts - removed) / total[grams.prefix] + backoffs[grams.prefix] * lower[grams.suffix]
        yield _Estimate(lower, backoffs)


def _continued(grams: _Grams, longer: _Grams) -> Integers:
    """Return the continuation counts of n-grams; those that begin with `<s>` keep their own."""
    begins = grams.words[:, 0] == MARKS.index(BEGIN)
    return np.where(begins, grams.counts, np.bincount(longer.suffix, minlength=len(begins)))


def _write(path: Path, vocabulary: list[str], orders: list[_Grams], estimates: list[_Estimate]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {n}={len(grams.words)}\n" for n, grams in enumerate(orders, 1))
        for n, (grams, estimate) in enumerate(zip(orders, estimates, strict=True), 1):
            file.write(f"\n\\{n}-grams:\n")
            backoffs = estimates[n].backoffs if n < len(orders) else np.ones(len(grams.words))
            file.writelines(_lines(vocabulary, grams.words, estimate.probabilities, backoffs))
        file.write("\n\\end\\\n")
    temporary.replace(path)


def _lines(vocabulary: list[str], words: Integers, probabilities: Floats, backoffs: Floats) -> Iterator[str]:
    """Yield an ARPA file's lines for n-grams; a back-off weight of 1 is left out."""
    with np.errstate(divide="ignore"):
        logs, weights = (np.maximum(np.log10(factors), NEVER) for factors in (probabilities, backoffs))
    for gram, log, weight in zip(words.tolist(), logs.tolist(), weights.tolist(), strict=True):
        text = " ".join([vocabulary[number] for number in gram])
        yield f"{log:.6f}\t{text}\t{weight:.6f}\n" if weight else f"{log:.6f}\t{text}\n"
