r"""The words that a language model knows, and how a recogniser's tokens spell them.

An ARPA file, gzipped or not, begins with ``\data\`` and lists its words, one a line, under ``\1-grams:``. A
binary of KenLM's (K. Heafield, WMT 2011) ends with its words, each followed by a zero byte, ``<unk>`` first:
``lm/vocab.cc`` of its source.
"""

import gzip
import mmap
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from speechsrt.errors import UserError
from speechsrt.text.normalise import normalise
from speechsrt.text.vocabulary import Vocabulary

KENLM = b"mmap lm http://kheafield.com/code"
GZIP = b"\x1f\x8b"
FIRST = b"<unk>\0"


def words_known(path: Path) -> list[str]:
    """Return the words of a language model; ``<s>``, ``</s>`` and other markers in angle brackets are none.

    Raises:
        UserError: there is no such file, it cannot be read, or it is neither an ARPA file in UTF-8 nor a
            binary of KenLM's that holds its words.
    """
    if not path.is_file():
        raise UserError(f"decoder.lm={path}: there is no such file; name an ARPA file or a binary of KenLM's")
    try:
        words = _words(path)
    except UnicodeDecodeError:
        raise UserError(f"decoder.lm={path}: its words are not written in UTF-8; convert it") from None
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"decoder.lm={path}: cannot be read ({error}); name another file") from None
    return [word for word in words if not (word.startswith("<") and word.endswith(">"))]


def _words(path: Path) -> list[str]:
    with path.open("rb") as file:
        start = file.read(len(KENLM))
    if start == KENLM:
        return _from_binary(path)
    opened = gzip.open if start.startswith(GZIP) else open
    with opened(path, "rb") as file:
        return list(_from_arpa(file, path))


def _from_binary(path: Path) -> list[str]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        at = content.rfind(FIRST)
        if at < 0:
            raise UserError(f"decoder.lm={path}: this binary holds no list of its words; name the ARPA file")
        return content[at:-1].decode().split("\0")


def _from_arpa(lines: Iterable[bytes], path: Path) -> Iterator[str]:
    lines = (line.strip() for line in lines)
    if next(filter(None, lines), b"") != b"\\data\\":
        raise UserError(
            f"decoder.lm={path}: is neither an ARPA file (it does not begin with \\data\\) nor a binary of "
            "KenLM's; name one of these"
        )
    for line in lines:
        if line == b"\\1-grams:":
            break
    for line in lines:
        if line.startswith(b"\\"):
            return
        fields = line.split()
        if len(fields) > 1:
            yield fields[1].decode()


def spell(words: Iterable[str], vocabulary: Vocabulary) -> dict[str, list[int]]:
    """Return the tokens of every word as `normalise` writes it; what cannot be spelled is left out."""
    spellings = {}
    for word in words:
        text = normalise(word)
        if text and " " not in text and not vocabulary.lacking(text):
            spellings[word] = vocabulary.encode(text)
    return spellings
