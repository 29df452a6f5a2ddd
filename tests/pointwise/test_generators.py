"""The generators against a slow reference in whole numbers, their golden vectors and what they promise."""

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechsrt.pointwise.generators import GENERATORS, VERSION, fan_in, words

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "ternary.json").read_text())
SYMBOLS = {"-": -1, "0": 0, "+": 1}
SEEDS = st.integers(0, 2**64 - 1)
WIDTHS = st.integers(1, 24)
POWERS = st.sampled_from([1, 2, 4, 8, 16, 32])
DENSITIES = st.floats(0.01, 1.0)
quick = settings(max_examples=40, deadline=None)

# --- the reference: lists and whole numbers of any size, nothing vectorised ---


def word(seed: int, counter: int) -> int:
    whole = 2**64 - 1
    z = (seed + (counter + 1) * 0x9E3779B97F4A7C15) & whole
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & whole
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & whole
    return z ^ (z >> 31)


def upper(w: int) -> int:
    return w >> 32


def sign(w: int) -> int:
    return -1 if w & 1 else 1


def reversed32(n: int) -> int:
    return int(f"{n:032b}"[::-1], 2)


def pascal(p: int) -> int:
    """Sobol's second dimension of point p, times 2^32: entry (r, c) of its matrix is binomial(c, r) mod 2."""
    columns = [c for c in range(32) if p >> c & 1]
    bits = [
        sum((c & r) == r for c in columns) % 2 for r in range(32)
    ]  # Lucas: binomial(c, r) is odd iff r lies in c
    return sum(bit << (31 - r) for r, bit in enumerate(bits))


def slow_hash(seed: int, outs: int, ins: int, density: float) -> list[list[int]]:
    rows = [[word(seed, o * ins + i) for i in range(ins)] for o in range(outs)]
    return [[sign(w) if upper(w) < int(density * 2**32) else 0 for w in row] for row in rows]


def slow_stratified(seed: int, outs: int, ins: int, density: float) -> list[list[int]]:
    count = max(1, int(density * ins + 0.5))
    matrix = [[0] * ins for _ in range(outs)]
    for o in range(outs):
        for j in range(count):
            w = word(seed, o * count + j)
            begin, end = j * ins // count, (j + 1) * ins // count
            matrix[o][begin + upper(w) * (end - begin) // 2**32] = sign(w)
    return matrix


def slow_sobol(seed: int, outs: int, ins: int, density: float) -> list[list[int]]:
    count = max(1, int(density * ins + 0.5))
    matrix = [[0] * ins for _ in range(outs)]
    powers = bin(outs).count("1") == bin(ins).count("1") == 1
    paths = slow_net(seed, outs, ins, count) if powers else slow_deal(seed, outs, ins, count)
    for p, (o, i) in enumerate(paths):
        assert matrix[o][i] == 0, "two paths in one entry"
        matrix[o][i] = sign(word(seed, 2**32 + p))
    return matrix


def slow_net(seed: int, outs: int, ins: int, count: int) -> list[tuple[int, int]]:
    x_shift, y_shift = upper(word(seed, 0)), upper(word(seed, 1))
    points = [(reversed32(p) ^ x_shift, pascal(p) ^ y_shift) for p in range(outs * count)]
    return [(x * outs // 2**32, y * ins // 2**32) for x, y in points]


def slow_deal(seed: int, outs: int, ins: int, count: int) -> list[tuple[int, int]]:
    row: list[int] = []
    for b in range(-(-outs * count // ins)):
        shift = upper(word(seed, b))
        row += sorted(range(ins), key=lambda i, shift=shift: reversed32(i) ^ shift)
    paths = []
    for o in range(outs):
        own: list[int] = []
        for _ in range(count):
            nearest = next(k for k, i in enumerate(row) if i not in own)
            row[0], row[nearest] = row[nearest], row[0]
            own.append(row.pop(0))
        paths += [(o, i) for i in own]
    return paths


SLOW = {"hash": slow_hash, "stratified": slow_stratified, "sobol": slow_sobol}

# --- words ---


def test_words_are_splitmix64():
    """The first outputs that SplitMix64 is known by."""
    assert words(0, np.arange(1)).tolist() == [0xE220A8397B1DCDAF]
    known = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    assert words(1234567, np.arange(5)).tolist() == known


@given(seed=st.integers(-(2**64), 2**65), counter=st.integers(0, 2**34))
@quick
def test_words_are_the_reference(seed, counter):
    expected = word(seed, counter)
    assert words(seed, np.array([counter])).tolist() == [expected]
    assert int(words(seed, np.array(counter))) == expected
    assert words(seed, np.zeros((0, 3), np.int64)).shape == (0, 3)


# --- matrices ---


@pytest.mark.parametrize("name", GENERATORS)
@given(seed=SEEDS, outs=WIDTHS | POWERS, ins=WIDTHS | POWERS, density=DENSITIES)
@quick
def test_generators_are_the_reference(name, seed, outs, ins, density):
    matrix = GENERATORS[name](seed, outs, ins, density)
    assert matrix.dtype == np.int8
    assert matrix.shape == (outs, ins)
    assert matrix.tolist() == SLOW[name](seed, outs, ins, density)


@pytest.mark.parametrize(
    "case", GOLDEN["cases"], ids=lambda c: f"{c['generator']}-{c['out']}x{c['in']}-{c['density']}"
)
def test_golden_vectors(case):
    matrix = GENERATORS[case["generator"]](int(case["seed"]), case["out"], case["in"], case["density"])
    assert matrix[0].tolist() == [SYMBOLS[symbol] for symbol in case["row"]]
    assert hashlib.sha256(matrix.tobytes()).hexdigest() == case["sha256"]


def test_golden_vectors_cover_every_generator_of_this_version():
    assert GOLDEN["version"] == VERSION
    assert {case["generator"] for case in GOLDEN["cases"]} == set(GENERATORS)


@pytest.mark.parametrize("name", ["stratified", "sobol"])
@given(seed=SEEDS, outs=WIDTHS | POWERS, ins=WIDTHS | POWERS, density=DENSITIES)
@quick
def test_every_output_has_exactly_the_same_number_of_inputs(name, seed, outs, ins, density):
    matrix = GENERATORS[name](seed, outs, ins, density)
    assert (np.abs(matrix).sum(1) == fan_in(density, ins)).all()


@given(seed=SEEDS, outs=WIDTHS, ins=WIDTHS, density=DENSITIES)
@quick
def test_stratified_has_one_in_each_stretch(seed, outs, ins, density):
    present = np.abs(GENERATORS["stratified"](seed, outs, ins, density)).astype(int)
    count = fan_in(density, ins)
    edges = [j * ins // count for j in range(count)]
    assert (np.add.reduceat(present, edges, axis=1) == 1).all()


@given(seed=SEEDS, outs=WIDTHS | POWERS, ins=WIDTHS | POWERS, density=DENSITIES)
@quick
def test_sobol_uses_all_inputs_alike(seed, outs, ins, density):
    fan_out = np.abs(GENERATORS["sobol"](seed, outs, ins, density)).sum(0)
    assert fan_out.max() - fan_out.min() <= 1
    if outs * fan_in(density, ins) % ins == 0:
        assert fan_out.max() == fan_out.min()


@given(seed=SEEDS, outs=POWERS, ins=POWERS, density=DENSITIES)
@quick
def test_sobol_with_powers_of_two_is_equal_both_ways_where_outputs_are_not_fewer(seed, outs, ins, density):
    fan_out = np.abs(GENERATORS["sobol"](seed, max(outs, ins), ins, density)).sum(0)
    assert len(set(fan_out.tolist())) == 1


@given(seed=SEEDS, block=st.integers(0, 50), a=st.integers(0, 4), b=st.integers(0, 4))
@quick
def test_the_points_are_a_0_2_sequence(seed, block, a, b):
    """Of any 2^(a+b) points from a multiple of that on, each box has one, for every a and b."""
    first = block << (a + b)
    points = [
        (reversed32(p) ^ upper(word(seed, 0)), pascal(p) ^ upper(word(seed, 1)))
        for p in range(first, first + (1 << a + b))
    ]
    boxes = {(x >> (32 - a), y >> (32 - b)) for x, y in points}
    assert len(boxes) == 1 << (a + b)


def test_sobol_patterns_of_a_shape_are_relabellings_of_one():
    """With powers of two another seed XORs the numbers of inputs and outputs, as the docstring says."""
    one, other = (np.abs(GENERATORS["sobol"](seed, 16, 32, 0.3)) for seed in (3, 4))
    outputs, inputs = np.arange(16), np.arange(32)
    assert any((one[outputs ^ x][:, inputs ^ y] == other).all() for x in range(16) for y in range(32))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("density", [0.05, 0.3, 0.7, 1.0])
def test_density_and_signs(name, density):
    matrix = GENERATORS[name](0, 256, 256, density)
    assert set(np.unique(matrix)) <= {-1, 0, 1}
    assert np.abs(matrix).mean() == pytest.approx(density, rel=0.04)
    assert abs(matrix[matrix != 0].mean()) < 5 / (density * 256 * 256) ** 0.5


@pytest.mark.parametrize("name", ["hash", "stratified"])
def test_density_one_leaves_no_zero(name):
    assert (np.abs(GENERATORS[name](7, 5, 9, 1.0)) == 1).all()


@pytest.mark.parametrize(("fan", "patterns"), [(16, 4), (32, 2), (6, 32), (64, 1)])
def test_sobol_has_few_patterns_where_a_power_of_two_divides_the_fan_in(fan, patterns):
    drawn = [np.abs(GENERATORS["sobol"](seed, 64, 64, fan / 64)) for seed in range(300)]
    assert len({pattern.tobytes() for pattern in drawn}) == patterns


@pytest.mark.parametrize("name", GENERATORS)
def test_seeds_repeat_and_differ(name):
    drawn = [GENERATORS[name](seed, 48, 48, 0.3) for seed in range(20)]
    assert (drawn[0] == GENERATORS[name](0, 48, 48, 0.3)).all()
    agree = np.mean([(one == other).mean() for one, other in pairwise(drawn)])
    assert agree == pytest.approx(0.7**2 + 2 * 0.15**2, abs=0.03)


@given(density=DENSITIES, ins=st.integers(1, 600))
@quick
def test_fan_in(density, ins):
    assert 1 <= fan_in(density, ins) <= ins
    assert abs(fan_in(density, ins) - density * ins) <= 0.5 or density * ins < 0.5
