import json
import re

import pytest

from speechsrt.errors import UserError
from speechsrt.text.characters import Characters


def test_the_order_is_that_of_released_quartznets():
    vocabulary = Characters()
    assert vocabulary.blank == 28
    assert vocabulary.encode(" az'") == [0, 1, 26, 27]


def test_what_the_vocabulary_lacks_is_dropped_and_told():
    vocabulary = Characters()
    assert vocabulary.decode(vocabulary.encode("naïve 2 café é")) == "nave caf"
    assert vocabulary.lacking("naïve 2 café é") == "ï2éé"


def test_without_a_space_all_is_one_word():
    vocabulary = Characters("ab")
    assert vocabulary.decode(vocabulary.encode("a b")) == "ab"
    assert vocabulary.lacking("a b") == " "
    assert vocabulary.split_words([0, 1]) == [[0, 1]]


def test_a_single_character_is_enough():
    assert Characters("ж").encode("жж") == [0, 0]


@pytest.mark.parametrize("characters", [" ab", "語日 "])
def test_the_settings_make_the_same_vocabulary_again(characters: str):
    settings = json.loads(json.dumps(Characters(characters).settings()))
    assert Characters(**settings).tokens == list(characters)


def test_no_characters_are_a_mistake():
    with pytest.raises(
        UserError, match=re.escape("text.characters: is empty; write the characters to learn")
    ):
        Characters("")


def test_a_doubled_character_is_a_mistake():
    message = "text.characters='abca': 'a' is there twice; write it once"
    with pytest.raises(UserError, match=re.escape(message)):
        Characters("abca")
