"""Pictures of singular values: readable PNGs of any numbers, the same bytes for the same ones."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from speechsrt.reports.spectra import cut, spectra

Values = dict[str, list[float]]
FALLING = [4.0, 2.0, 1.0, 0.5]


def decoded(png: bytes) -> np.ndarray:
    """(height, width, 4) in [0, 1]."""
    assert png.startswith(b"\x89PNG")
    return imread(io.BytesIO(png))


def both(values: Values, kept: dict[str, int]) -> tuple[bytes, bytes]:
    """Both pictures of the same layers."""
    courses = {name: [0.9, 0.5, 0.3] for name in values}
    errors = {name: 0.1 + 0.01 * number for number, name in enumerate(values)}
    return spectra(values, courses), cut(values, kept, errors)


CASES: dict[str, Values] = {
    "one layer of one value": {"block1.0": [2.0]},
    "one layer without values": {"block1.0": []},
    "one layer of zeros": {"block1.0": [0.0, 0.0, 0.0]},
    "layers of different widths": {"a": FALLING, "b": [1.0], "c": [3.0, 3.0]},
    "30 layers": {f"block{number}.residual": FALLING for number in range(30)},
    "large and small": {"a": [1e30, 1.0], "b": [1e-30, 0.0]},
}


@pytest.mark.parametrize("case", CASES)
def test_both_pictures_are_drawn_and_readable_in_size(case):
    for png in both(CASES[case], {}):
        height, width, _ = decoded(png).shape
        assert 900 < width < 1300
        assert 300 < height < 1300


@pytest.mark.parametrize("case", ["one layer of zeros", "layers of different widths"])
def test_the_same_numbers_give_the_same_bytes(case):
    kept = {name: len(values) for name, values in CASES[case].items()}
    assert both(CASES[case], kept) == both(CASES[case], kept)


def test_other_numbers_give_another_picture():
    first, second = both({"a": FALLING}, {"a": 2}), both({"a": [4.0, 3.0, 1.0, 0.5]}, {"a": 2})
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert spectra({"a": FALLING}, {"a": [0.5, 0.4]}) != spectra({"a": FALLING}, {"a": [0.5, 0.3]})
    assert cut({"a": FALLING}, {}, {"a": 0.1}) != cut({"a": FALLING}, {}, {"a": 0.9, "b": 0.1})


def test_a_cut_is_shown_at_its_rank():
    pictures = {cut({"a": FALLING}, kept, {"a": 0.1}) for kept in ({}, {"a": 1}, {"a": 2}, {"a": 4})}
    assert len(pictures) == 4


def test_what_counts_is_the_fall_not_the_size():
    doubled = [2 * value for value in FALLING]
    assert spectra({"a": FALLING}, {"a": [0.5]}) == spectra({"a": doubled}, {"a": [0.5]})


def test_many_layers_make_a_higher_picture_of_errors_and_no_legend_that_hides_the_curves():
    few, many = ({f"{n}": FALLING for n in range(count)} for count in (3, 30))
    assert decoded(both(many, {})[1]).shape[0] > 2 * decoded(both(few, {})[1]).shape[0]


@pytest.mark.parametrize("error", [0.0, 1e-9, 1.0])
def test_errors_of_any_size(error):
    decoded(cut({"a": FALLING}, {"a": 1}, {"a": error}))


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(
    st.dictionaries(
        st.from_regex(r"\A[a-z]{1,9}[0-9]?\.[a-z0-9]{1,9}\Z"),
        st.lists(st.floats(0, 1e6), max_size=5),
        min_size=1,
        max_size=4,
    )
)
def test_any_values_draw_without_a_warning(values):
    falling = {name: sorted(own, reverse=True) for name, own in values.items()}
    for png in both(falling, {name: 1 for name, own in falling.items() if own}):
        decoded(png)
