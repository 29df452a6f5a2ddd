"""What every vocabulary can do: text to tokens and back, and which tokens make up a word.

A token is the text that it spells, and a space in front of it begins a word: `"a"`, `" "`, `" the"`. So
characters and subwords are read alike, and differ only in how text is cut up. Tokens are numbered from 0
without a gap; CTC's blank is no token and comes after the last.
"""

from collections.abc import Sequence
from typing import Any, Protocol

SPACE = " "


class Vocabulary(Protocol):
    """The tokens of a model, for text that `speechsrt.text.normalise` has been over."""

    tokens: list[str]

    @property
    def blank(self) -> int:
        """The class of CTC's blank: the one after the last token."""
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text; characters that the vocabulary lacks are dropped."""
        ...

    def lacking(self, text: str) -> str:
        """Return the characters that `encode` drops: each as often as it occurs, in order."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments, fit for JSON: they make the same vocabulary again."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text that tokens spell: words with one space between them, none around."""
        return SPACE.join("".join(self.tokens[token] for token in ids).split())

    def starts_word(self, token: int) -> bool:
        """Say whether a token begins a new word, or is the space between two."""
        return self.tokens[token].startswith(SPACE)

    def split_words(self, ids: Sequence[int]) -> list[list[int]]:
        """Return for each word the positions in `ids` of its tokens; a space belongs to no word.

        The words' texts are those that `decode` puts spaces between.
        """
        words: list[list[int]] = [[]]
        for position, token in enumerate(ids):
            if self.starts_word(token):
                words.append([])
            if self.tokens[token] != SPACE:
                words[-1].append(position)
        return [word for word in words if word]
