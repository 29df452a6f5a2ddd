import gzip
import re
from pathlib import Path

import pytest

from speechsrt.decoding.lexicon import spell, words_known
from speechsrt.errors import UserError
from speechsrt.text.characters import Characters

ARPA = """
\\data\\
ngram 1=5
ngram 2=1

\\1-grams:
-1.0\t<unk>
0\t<s>\t-0.5
-1.0\t</s>
-0.8\tTHE\t-0.3
-0.9 cat

\\2-grams:
-0.2\tTHE cat

\\end\\
"""


@pytest.fixture
def arpa(tmp_path: Path) -> Path:
    path = tmp_path / "words.arpa"
    path.write_text(ARPA)
    return path


def test_the_words_of_an_arpa_file(arpa: Path):
    assert words_known(arpa) == ["THE", "cat"]


def test_the_words_of_a_gzipped_one(tmp_path: Path):
    path = tmp_path / "words.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode()))
    assert words_known(path) == ["THE", "cat"]


def test_words_that_are_not_utf_8(arpa: Path):
    arpa.write_bytes(arpa.read_bytes().replace(b"THE", b"TH\xc9"))
    with pytest.raises(UserError, match=r"^decoder.lm=.*words.arpa: its words are not written in UTF-8"):
        words_known(arpa)


def test_a_binary_without_its_words(tmp_path: Path):
    path = tmp_path / "words.bin"
    path.write_bytes(b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(100))
    with pytest.raises(UserError, match=r"^decoder.lm=.*words.bin: this binary holds no list of its words"):
        words_known(path)


@pytest.mark.parametrize("content", [b"", b"the cat sat\n", b"RIFF\xff\x00"])
def test_files_that_are_no_language_model(tmp_path: Path, content: bytes):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"^decoder.lm={re.escape(str(path))}: is neither an ARPA file"):
        words_known(path)


@pytest.mark.parametrize("name", ["absent.arpa", "."])
def test_there_is_no_such_file(tmp_path: Path, name: str):
    with pytest.raises(UserError, match=r"^decoder.lm=.*: there is no such file; name an ARPA file"):
        words_known(tmp_path / name)


def test_half_a_gzipped_file(tmp_path: Path):
    path = tmp_path / "words.arpa.gz"
    path.write_bytes(gzip.compress(ARPA.encode())[:30])
    with pytest.raises(UserError, match=r"^decoder.lm=.*words.arpa.gz: cannot be read \("):
        words_known(path)


def test_words_are_spelled_as_the_toolkit_writes_them():
    words = [
        "THE",
        "don\N{RIGHT SINGLE QUOTATION MARK}t",
        "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
        "x-ray",
        "...",
    ]
    vocabulary = Characters()
    assert spell(words, vocabulary) == {
        "THE": vocabulary.encode("the"),
        "don\N{RIGHT SINGLE QUOTATION MARK}t": vocabulary.encode("don't"),
    }
    assert spell([], vocabulary) == {}
