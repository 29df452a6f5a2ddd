import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.text.normalise import normalise


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("", ""),
        (" \t\n", ""),
        ("Hello, World!", "hello world"),
        ("don\u2019t don\u2018t don\u02bct don\u00b4t don`t", "don't don't don't don't don't"),
        ("well-known \u2013 yes\u2014no \u22121 a/b c\\d e_f", "well known yes no 1 a b c d e f"),
        ("1,000 U.S. “quoted” (so) … end", "1000 us quoted so end"),
        ("' '' '' rock 'n' roll '", "rock 'n' roll"),
        ("\ufb01ne \uff21\uff22 \u00bd", "fine ab 1 2"),
        ("ÄÖÜ Straße ΑΣ Ёж", "äöü straße ας ёж"),
        ("cafe\u0301 é", "café é"),
        ("e!\u0301", "é"),
        ("हिन्दी ๑๒", "हिन्दी ๑๒"),
        ("日本語。テスト", "日本語テスト"),
        ("no\u00a0break zero\u200bwidth soft\u00adhyphen", "no break zerowidth softhyphen"),
        ("a 😀 b $5 + 100 %", "a b 5 100"),
        ("line one\r\nline\ttwo\u2028end", "line one line two end"),
    ],
)
def test_the_rule_by_example(written: str, wanted: str):
    assert normalise(written) == wanted


@given(st.text())
def test_twice_is_as_good_as_once(text: str):
    assert normalise(normalise(text)) == normalise(text)


@given(st.text())
def test_only_letters_marks_digits_apostrophes_and_single_spaces_are_left(text: str):
    written = normalise(text)
    assert written == " ".join(written.split())
    assert all(unicodedata.category(c)[0] in "LMN" or c in "' " for c in written)


@given(st.text(st.characters(max_codepoint=127)))
def test_slow_reference_for_ascii(text: str):
    plain = ""
    for character in text.lower():
        if character.isalnum() or character == "'":
            plain += character
        elif character.isspace() or character in "-/\\_`":
            plain += "'" if character == "`" else " "
    assert normalise(text) == " ".join(word for word in plain.split() if set(word) != {"'"})
