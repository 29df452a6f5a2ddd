"""One token a character: the vocabulary of QuartzNet and DeepSpeech, 28 characters in English."""

from typing import Any

from speechsrt.errors import UserError
from speechsrt.text.vocabulary import Vocabulary

ENGLISH = " abcdefghijklmnopqrstuvwxyz'"
"""In the order of NeMo's released QuartzNet models, so that their last layer keeps its rows."""


class Characters(Vocabulary):
    """Text spelled out.

    Args:
        characters: the tokens in the order of the model's outputs; a space among them parts words.

    Raises:
        UserError: no characters, or one that is there twice.
    """

    def __init__(self, characters: str = ENGLISH) -> None:
        doubled = [c for index, c in enumerate(characters) if c in characters[:index]]
        if doubled:
            raise UserError(f"text.characters={characters!r}: {doubled[0]!r} is there twice; write it once")
        if not characters:
            raise UserError(f"text.characters: is empty; write the characters to learn, such as {ENGLISH!r}")
        self.tokens = list(characters)
        self._ids = {character: token for token, character in enumerate(characters)}

    def encode(self, text: str) -> list[int]:
        """Return one token a character; those that the vocabulary lacks are dropped."""
        return [self._ids[character] for character in text if character in self._ids]

    def lacking(self, text: str) -> str:
        """Return the characters that `encode` drops: each as often as it occurs, in order."""
        return "".join(character for character in text if character not in self._ids)

    def settings(self) -> dict[str, Any]:
        """Return `characters`."""
        return {"characters": "".join(self.tokens)}
