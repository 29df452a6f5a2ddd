import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechsrt.text.characters import Characters
from speechsrt.text.subwords import Subwords
from speechsrt.text.vocabulary import Vocabulary

SENTENCES = [
    "the cat sat on the mat and the dog lay by the door",
    "that cat is the dog's and this dog is that cat's",
    "on that day the dog and the cat sat together",
]
VOCABULARIES: list[Vocabulary] = [
    Characters(),
    Characters("ab"),
    Subwords.train(SENTENCES, 24, "unigram"),
    Subwords.train(SENTENCES, 24, "bpe"),
]
every = pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=["english", "ab", "unigram", "bpe"])
sentences = st.text("abcdefghinostmy' ", max_size=30).map(lambda text: " ".join(text.split()))


@every
def test_the_blank_comes_after_the_last_token(vocabulary: Vocabulary):
    assert vocabulary.blank == len(vocabulary.tokens) == len(set(vocabulary.tokens))


@every
def test_nothing_is_made_of_nothing(vocabulary: Vocabulary):
    assert vocabulary.encode("") == []
    assert vocabulary.decode([]) == ""
    assert vocabulary.lacking("") == ""
    assert vocabulary.split_words([]) == []


@every
@given(text=sentences)
def test_what_is_encoded_is_decoded_again_but_for_what_is_lacking(vocabulary: Vocabulary, text: str):
    lacking = vocabulary.lacking(text)
    spelled = "".join(character for character in text if character not in lacking)
    assert vocabulary.decode(vocabulary.encode(text)) == " ".join(spelled.split())


@every
@given(data=st.data())
def test_any_tokens_decode_to_their_words(vocabulary: Vocabulary, data: st.DataObject):
    ids = data.draw(st.lists(st.integers(0, vocabulary.blank - 1)))
    words = [vocabulary.decode([ids[position] for position in word]) for word in vocabulary.split_words(ids)]
    assert " ".join(words) == vocabulary.decode(ids)


@every
@given(data=st.data())
def test_every_token_but_the_space_belongs_to_one_word(vocabulary: Vocabulary, data: st.DataObject):
    ids = data.draw(st.lists(st.integers(0, vocabulary.blank - 1)))
    held = [position for word in vocabulary.split_words(ids) for position in word]
    assert held == [position for position, token in enumerate(ids) if vocabulary.tokens[token] != " "]


def test_words_of_characters_are_parted_by_the_space():
    vocabulary = Characters()
    assert vocabulary.split_words(vocabulary.encode("a cat's")) == [[0], [2, 3, 4, 5, 6]]
    assert [vocabulary.starts_word(token) for token in vocabulary.encode("a b")] == [False, True, False]


def test_words_of_subwords_begin_at_a_token_with_a_space():
    vocabulary = VOCABULARIES[3]
    ids = [vocabulary.tokens.index(token) for token in (" the", "c", " ", "a", "t", " ", " the")]
    assert vocabulary.split_words(ids) == [[0, 1], [3, 4], [6]]
    assert vocabulary.decode(ids) == "thec at the"


def test_the_blank_spells_nothing():
    with pytest.raises(IndexError):
        Characters().decode([28])
