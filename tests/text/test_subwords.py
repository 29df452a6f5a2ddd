import hashlib
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from speechsrt.errors import UserError
from speechsrt.text.subwords import Kind, Subwords

SENTENCES = [
    "the cat sat on the mat and the dog lay by the door",
    "that cat is the dog's and this dog is that cat's",
    "on that day the dog and the cat sat together",
]
CHARACTERS = len(set("".join(SENTENCES)))
both = pytest.mark.parametrize("kind", ["unigram", "bpe"])


@both
@pytest.mark.parametrize("size", [CHARACTERS, 20, 24])
def test_there_are_as_many_tokens_as_asked_for(kind: Kind, size: int):
    vocabulary = Subwords.train(SENTENCES, size, kind)
    assert len(vocabulary.tokens) == len(set(vocabulary.tokens)) == size
    assert set("".join(SENTENCES)) <= set(vocabulary.tokens)
    assert not any("<" in token for token in vocabulary.tokens)


@both
def test_one_character_of_text_is_enough(kind: Kind):
    vocabulary = Subwords.train(["a"], 2, kind)
    assert sorted(vocabulary.tokens) == [" ", "a"]
    assert vocabulary.decode(vocabulary.encode("a aa")) == "a aa"


@both
def test_frequent_words_become_one_token(kind: Kind):
    vocabulary = Subwords.train(SENTENCES, 26, kind)
    assert [vocabulary.tokens[token] for token in vocabulary.encode("cat cat")] == [" cat", " cat"]


@both
def test_what_no_piece_spells_is_dropped_and_told(kind: Kind):
    vocabulary = Subwords.train(SENTENCES, 24, kind)
    assert vocabulary.decode(vocabulary.encode("é the xcatz é 2 mat")) == "the cat mat"
    assert vocabulary.lacking("é the xcatz é 2 mat") == "éxzé2"


@both
def test_the_settings_make_the_same_vocabulary_again(kind: Kind):
    vocabulary = Subwords.train(SENTENCES, 24, kind)
    again = Subwords(**json.loads(json.dumps(vocabulary.settings())))
    assert again.tokens == vocabulary.tokens
    assert again.encode("the cat's mat") == vocabulary.encode("the cat's mat")


@both
def test_the_same_text_gives_the_same_model_in_another_process_and_nothing_is_printed(kind: Kind):
    program = (
        "import hashlib; from speechsrt.text.subwords import Subwords;"
        f"model = Subwords.train({SENTENCES!r}, 24, {kind!r}).settings()['model'];"
        "print(hashlib.md5(model.encode()).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    here = Subwords.train(iter(SENTENCES), 24, kind).settings()["model"]
    assert done.stdout.strip() == hashlib.md5(here.encode()).hexdigest()
    assert done.stderr == ""


def test_a_very_long_sentence_is_learned_from_too():
    vocabulary = Subwords.train(["word " * 2000, "zebra"], 13, "bpe")
    assert " word" in vocabulary.tokens


def test_empty_sentences_are_passed_over():
    lone = Subwords.train(["", " ", *SENTENCES], 24, "unigram")
    assert lone.settings() == Subwords.train(SENTENCES, 24, "unigram").settings()


@pytest.mark.parametrize("sentences", [[], ["", " "]])
def test_no_text_is_a_mistake(sentences: list[str]):
    with pytest.raises(UserError, match=re.escape("text.kind=bpe: there is no text to learn from")):
        Subwords.train(sentences, 24, "bpe")


def test_an_unknown_kind_is_a_mistake():
    kind: Any = "word"
    message = "text.kind=word: there is no such kind; choose from unigram, bpe"
    with pytest.raises(UserError, match=re.escape(message)):
        Subwords.train(SENTENCES, 24, kind)


@both
@pytest.mark.parametrize("size", [-1, 0, CHARACTERS - 1])
def test_fewer_tokens_than_characters_are_a_mistake(kind: Kind, size: int):
    message = (
        f"text.size={size}: the text has {CHARACTERS} different characters, and each needs a token; write"
    )
    with pytest.raises(UserError, match=re.escape(message)):
        Subwords.train(SENTENCES, size, kind)


@both
def test_more_tokens_than_the_text_gives_are_a_mistake_that_names_the_most(kind: Kind):
    with pytest.raises(
        UserError, match=r"text.size=9999: the text gives fewer tokens; write \d+ or less"
    ) as told:
        Subwords.train(SENTENCES, 9999, kind)
    most = int(re.findall(r"(\d+) or less", str(told.value))[0])
    assert len(Subwords.train(SENTENCES, most, kind).tokens) == most
    with pytest.raises(UserError, match=f"write {most} or less"):
        Subwords.train(SENTENCES, most + 1, kind)


@pytest.mark.parametrize("model", ["", "AAAA", "not base64!", "é"])
def test_what_is_no_model_is_a_mistake(model: str):
    with pytest.raises(UserError, match=re.escape("text.model: is no sentencepiece model in base64")):
        Subwords(model)
