import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from speechsrt.reports.tables import ABSENT, cell, markdown, numeric_columns, percent, short, table


def printed(title, columns, rows) -> str:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(table(title, columns, rows))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ABSENT),
        ("word", "word"),
        (0, "0"),
        (77214, "77,214"),
        (-1234, "-1,234"),
        (0.97432, "0.9743"),
        (1.0, "1"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (1, "1"),
        (999, "999"),
        (1000, "1.00 K"),
        (9_999, "10.0 K"),
        (41_900, "41.9 K"),
        (99_990, "100 K"),
        (999_499, "999 K"),
        (999_500, "1.00 M"),
        (18_924_381, "18.9 M"),
        (1.234e9, "1.23 G"),
        (5e12, "5.00 T"),
    ],
)
def test_short_counts(count, text):
    assert short(count) == text


def test_short_counts_carry_a_unit():
    assert (short(12, "B"), short(150_000, "B")) == ("12 B", "150 KB")


@given(st.floats(1, 9e14))
def test_short_counts_are_right_to_half_a_percent(count):
    digits, _, prefix = short(count).partition(" ")
    value = float(digits) * {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[prefix]
    assert abs(value - count) <= (0.5 if not prefix else 0.0051 * count)


def test_percents():
    assert percent(0.974) == "97.4 %"
    assert percent(0.974, (0.967, 0.98)) == "97.4 % [96.7, 98.0]"
    assert percent(1.0) == "100.0 %"
    assert percent(None) == ABSENT


def test_columns_of_numbers_are_found():
    rows = [["a", "1", "97.4 %", ABSENT, ABSENT], ["2b", "-3", ABSENT, ABSENT, "4"]]
    assert numeric_columns(5, rows) == [False, True, True, False, True]
    assert numeric_columns(1, []) == [False]


@pytest.mark.parametrize(
    ("text", "numeric"),
    [
        ("96.11 ± 0.4", True),
        ("18.6 M", True),
        ("1e-05", True),
        ("77,214", True),
        ("3x1x64", False),
        ("3rd", False),
    ],
)
def test_what_begins_with_a_digit_is_not_yet_a_number(text, numeric):
    assert numeric_columns(1, [[text]]) == [numeric]


def test_table_shows_markup_as_text():
    text = printed("A [bold]title[/bold]", ("[red]word", "clips"), [("[/x] y", 1234), ("z", None)])
    assert "A [bold]title[/bold]" in text
    assert "[red]word" in text
    assert "[/x] y" in text
    assert "1,234 │" in text


def test_table_without_rows():
    assert "word" in printed("", ("word",), [])


def test_markdown_by_hand():
    rows = [("yes", 1234, 0.5), ("a|b", None, 0.25)]
    assert markdown(("word", "clips", "rate"), rows) == (
        "| word | clips | rate |\n"
        "| --- | ---: | ---: |\n"
        "| yes | 1,234 | 0.5 |\n"
        f"| a\\|b | {ABSENT} | 0.25 |\n"
    )


@given(st.text())
def test_a_markdown_cell_stays_one_cell(word):
    lines = markdown(("word",), [(word,)]).split("\n")
    assert len(lines) == 4
    assert lines[2].replace("\\\\", "").replace("\\|", "").count("|") == 2


@pytest.mark.parametrize("row", [("x",), ("x", "y", "z")])
@pytest.mark.parametrize("write", [markdown, lambda columns, rows: table("", columns, rows)])
def test_a_row_of_the_wrong_length_is_an_error(write, row):
    with pytest.raises(ValueError, match="the 2 cells"):
        write(("a", "b"), [row])
