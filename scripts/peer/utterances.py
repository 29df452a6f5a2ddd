"""What both sides of the recognition benchmark hear and read: the same numbers in either environment.

Made-up sound and made-up sentences serve: nothing here asks what they mean. NumPy only.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

SECONDS, RATE, FRAMES, WORDS = 10, 16000, 500, 25
LETTERS = "abcdefghijklmnopqrstuvwxyz"
CHARACTERS = f" {LETTERS}'"


def sounds(count: int) -> NDArray[np.int16]:
    """Return ``(count, 160000)``: ten seconds of hiss each."""
    return (3277 * np.random.RandomState(0).standard_normal((count, SECONDS * RATE))).astype(np.int16)


def sentences(count: int) -> list[str]:
    """Return texts of 25 words of two to eight letters each, about 150 characters."""
    draw = np.random.RandomState(1)
    return [" ".join(_word(draw, draw.randint(2, 9)) for _ in range(WORDS)) for _ in range(count)]


def log_probs(texts: list[str]) -> NDArray[np.float32]:
    """Return ``(count, 500, 29)``, the blank last: a network's outputs that are sure of the texts.

    Every character has a frame of its own, the next one some frames away; blanks lie between.
    """
    draw, blank = np.random.RandomState(2), len(CHARACTERS)
    logits = draw.standard_normal((len(texts), FRAMES, blank + 1))
    paths = np.full((len(texts), FRAMES), blank)
    for path, text in zip(paths, texts, strict=True):
        apart = FRAMES // len(text)
        path[: apart * len(text) : apart] = [CHARACTERS.index(character) for character in text]
    np.put_along_axis(logits, paths[:, :, None], 10.0, 2)
    return (logits - np.log(np.exp(logits).sum(2, keepdims=True))).astype(np.float32)


def digest(texts: list[str]) -> dict[str, int | str]:
    """Return by what texts that both sides found can be told to be the same."""
    return {"characters": sum(map(len, texts)), "crc32": f"{zlib.crc32(' '.join(texts).encode()):08x}"}


def _word(draw: np.random.RandomState, letters: int) -> str:
    return "".join(draw.choice(list(LETTERS), letters))
