"""One way of writing: what two transcripts of the same speech may differ in is taken away.

The rule, in order:

1. ’ ‘ ʼ ´ ` become the plain apostrophe.
2. Unicode's NFKC (ligatures, full-width forms and the like become the letters they stand for), lower case.
3. Letters, the marks on them and digits stay, whatever their script, and so does the apostrophe. Dashes,
   slashes and underscores become spaces, as all white space does. Anything else (punctuation, symbols,
   invisible characters) is removed with nothing in its place: `1,000` is `1000` and `U.S.` is `us`.
4. Words of nothing but apostrophes go; one space is left between words, none around them.

Numbers are not spelled out: no rule for that holds in every language. A vocabulary without digits drops and
counts them. Applied twice, the rule changes nothing more.
"""

import unicodedata

APOSTROPHE = "'"
SLASHES = "/\\\N{FRACTION SLASH}\N{DIVISION SLASH}"
MINUS = "\N{MINUS SIGN}"
_APOSTROPHES = dict.fromkeys(
    map(
        ord,
        "\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}\N{MODIFIER LETTER APOSTROPHE}"
        "\N{ACUTE ACCENT}\N{GRAVE ACCENT}",
    ),
    APOSTROPHE,
)


class _Rule(dict[int, str]):
    """What step 3 makes of a character, for `str.translate`; worked out when one is first met."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if category[0] in "LMN" or character == APOSTROPHE:
            self[code] = character
        elif category in ("Pd", "Pc") or character.isspace() or character in SLASHES + MINUS:
            self[code] = " "
        else:
            self[code] = ""
        return self[code]


_RULE = _Rule()


def normalise(text: str) -> str:
    """Return a text as the toolkit writes it; the rule is the module's docstring."""
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).lower()
    # What was apart before characters were removed may now be written as one.
    text = unicodedata.normalize("NFKC", text.translate(_RULE))
    return " ".join(word for word in text.split() if word.strip(APOSTROPHE))
