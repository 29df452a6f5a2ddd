import base64
import itertools
import math
import sys
import zlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt import config
from speechsrt.build import build
from speechsrt.decoding.beam import BeamDecoder, peaks, widened
from speechsrt.decoding.greedy import Greedy, greedy
from speechsrt.decoding.hypothesis import Hypothesis, words_of
from speechsrt.errors import UserError
from speechsrt.text.characters import Characters
from speechsrt.text.subwords import Subwords
from speechsrt.text.vocabulary import Vocabulary

pytest.importorskip("flashlight.lib.text.decoder")

LETTERS = Characters(" ab")
LETTER_WORDS = {
    "a": (-0.7, -0.2),
    "b": (-0.9, -0.1),
    "ab": (-1.1, -0.3),
    "aa": (-1.3, 0.0),
    "bab": (-0.8, -0.1),
}
LETTER_PAIRS = {
    ("<s>", "ab"): -0.1,
    ("a", "b"): -0.3,
    ("aa", "aa"): -0.2,
    ("b", "</s>"): -0.4,
    ("bab", "a"): -0.1,
}
# KenLM's build_binary trie: words the, cat, sat; pairs <s> the, the cat, cat sat, sat </s>, cat </s>.
BINARY = """
eNrLzU0sUMjJVcgoKSmw0tfPzkhNTMtMzUnRS87P1U/OT0lVSMsvyk0sUShLLSrOzM9TMOViQIAGeyCxnxFI/AcCkAgjVIYJ
TB6wZ4KKgTAbVI4VyQQYu6BOca9lWymD6ooaYyU7bQmunO8fa4sfZO/f2f7c+QFnufaip1Jr1K2XIGk9AHIAAyrYD2OcPdOz
/+wZn31IbgXJNcDcl5aWtn/WzJn7mOHqfcB8FjQDWRmwg5y0tE8rZ87c6Q60KN7U2Lg2EyjAiKzCpjQv247BptiOoTixhMFG
H8hIBjJKMlIZAM8xT8U="""


def write_arpa(path: Path, words: dict[str, tuple[float, float]], pairs: dict[tuple[str, str], float]) -> str:
    singles = {"<unk>": (-9.0, 0.0), "<s>": (-99.0, -0.1), "</s>": (-0.5, 0.0)} | words
    lines = ["\\data\\", f"ngram 1={len(singles)}", f"ngram 2={len(pairs)}", "", "\\1-grams:"]
    lines += [f"{score}\t{word}\t{backoff}" for word, (score, backoff) in singles.items()]
    lines += ["", "\\2-grams:", *(f"{score}\t{' '.join(pair)}" for pair, score in pairs.items())]
    path.write_text("\n".join([*lines, "", "\\end\\", ""]))
    return str(path)


def log10_of(words: Sequence[str]) -> float:
    """What the model of `LETTER_WORDS` and `LETTER_PAIRS` says of a sentence, by ARPA's definition."""
    singles = LETTER_WORDS | {"<s>": (-99.0, -0.1), "</s>": (-0.5, 0.0)}
    pairs = itertools.pairwise(["<s>", *words, "</s>"])
    return sum(LETTER_PAIRS.get(pair, singles[pair[0]][1] + singles[pair[1]][0]) for pair in pairs)


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_arpa(tmp_path_factory.mktemp("lm") / "letters.arpa", LETTER_WORDS, LETTER_PAIRS)


def posteriors(path: Sequence[int], classes: int, peak: float = 0.9) -> Tensor:
    """Return ``(1, T, classes)`` with the probability `peak` along a path."""
    probabilities = torch.full((len(path), classes), (1 - peak) / (classes - 1))
    probabilities[range(len(path)), list(path)] = peak
    return probabilities.log()[None]


def spelled(text: str, vocabulary: Vocabulary, peak: float = 0.9) -> Tensor:
    """Return the posteriors of a text written frame by frame, ``_`` for the blank."""
    path = [vocabulary.blank if letter == "_" else vocabulary.tokens.index(letter) for letter in text]
    return posteriors(path, vocabulary.blank + 1, peak)


def decode(decoder: BeamDecoder, log_probs: Tensor) -> Hypothesis:
    return decoder(log_probs, torch.tensor([log_probs.shape[1]]))[0]


def random_posteriors(seed: int, frames: int, classes: int) -> Tensor:
    return (2 * torch.randn(1, frames, classes, generator=torch.Generator().manual_seed(seed))).log_softmax(2)


def labelling(path: Sequence[int], blank: int) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def all_paths(log_probs: Tensor) -> list[tuple[tuple[int, ...], float]]:
    """Return every path through ``(1, T, classes)`` with its log probability."""
    frames = log_probs[0].tolist()
    paths = itertools.product(*[range(log_probs.shape[2])] * len(frames))
    return [(path, sum(frame[c] for frame, c in zip(frames, path, strict=True))) for path in paths]


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10**6), frames=st.integers(1, 6))
def test_without_a_language_model_the_likeliest_labelling_over_all_alignments(seed: int, frames: int):
    log_probs = random_posteriors(seed, frames, 3)
    total = defaultdict(float)
    for path, score in all_paths(log_probs):
        total[labelling(path, 2)] += math.exp(score)
    heard = decode(BeamDecoder(Characters("ab"), beam_size=5000), log_probs)
    assert total[tuple(heard.tokens)] == pytest.approx(max(total.values()), rel=1e-5)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6), frames=st.integers(0, 20))
def test_without_a_language_model_or_sums_what_greedy_hears(seed: int, frames: int):
    log_probs = random_posteriors(seed, frames, 4)
    heard = decode(BeamDecoder(LETTERS, log_add=False), log_probs)
    assert heard == greedy(log_probs, torch.tensor([frames]), 3)[0]


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    frames=st.integers(0, 6),
    lm_weight=st.sampled_from([0.0, 1.0, 3.0]),
    word_score=st.sampled_from([0.0, -1.0, 2.0]),
)
def test_with_one_the_best_path_of_its_words(
    letters: str, seed: int, frames: int, lm_weight: float, word_score: float
):
    log_probs = random_posteriors(seed, frames, 4)
    best, expected = -math.inf, None
    for path, score in all_paths(log_probs):
        words = LETTERS.decode(labelling(path, 3)).split()
        if all(word in LETTER_WORDS for word in words):
            score += lm_weight * log10_of(words) + word_score * len(words)
            best, expected = max((best, expected), (score, words))
    decoder = BeamDecoder(LETTERS, letters, lm_weight, word_score, beam_size=5000, beam_threshold=500.0)
    assert LETTERS.decode(decode(decoder, log_probs).tokens).split() == expected


@pytest.fixture(scope="module")
def homophones(tmp_path_factory: pytest.TempPathFactory) -> str:
    words = dict.fromkeys(["over", "their", "there", "cat", "no"], (-1.0, -1.0))
    pairs = {("over", "there"): -0.1, ("their", "cat"): -0.1, ("<s>", "their"): -0.5, ("<s>", "over"): -0.5}
    return write_arpa(tmp_path_factory.mktemp("lm") / "homophones.arpa", words, pairs)


@pytest.mark.parametrize(("sound", "text"), [("over the??", "over there"), ("the?? cat", "their cat")])
def test_a_language_model_tells_what_sounds_alike(homophones: str, sound: str, text: str):
    english = Characters()
    at = sound.index("?")
    log_probs = spelled(sound.replace("??", "ir"), english)
    for wrong, right in zip("re", "ir", strict=True):
        log_probs[0, at, english.tokens.index(wrong)] = math.log(0.45)
        log_probs[0, at, english.tokens.index(right)] = math.log(0.45)
        at += 1
    assert english.decode(decode(BeamDecoder(english, homophones), log_probs).tokens) == text


def test_words_have_the_times_and_confidences_of_their_tokens(homophones: str):
    english = Characters()
    log_probs = spelled("__oo_vverr__  _tthh_erre__", english, peak=0.8)
    log_probs[0, 5, english.tokens.index("v")] = math.log(0.85)
    heard = decode(BeamDecoder(english, homophones), log_probs)
    first, second = words_of(heard, english, 0.5)
    assert (first.text, first.start, first.end) == ("over", 1.0, 5.0)
    assert (second.text, second.start, second.end) == ("there", 7.5, 12.0)
    assert first.confidence == pytest.approx((0.8**3 * 0.85) ** 0.25)
    assert second.confidence == pytest.approx(0.8)


def test_words_without_a_space_between_them_are_not_run_together(homophones: str):
    english = Characters()
    assert english.decode(decode(BeamDecoder(english, homophones), spelled("nono", english)).tokens) == "no"
    assert (
        english.decode(decode(BeamDecoder(english, homophones), spelled("no no", english)).tokens) == "no no"
    )


def test_each_utterance_of_a_batch_ends_at_its_length(homophones: str):
    english = Characters()
    decoder = BeamDecoder(english, homophones)
    log_probs = torch.cat(
        [spelled("no_over", english), spelled("no cat_", english), spelled("_______", english)]
    )
    heard = decoder(log_probs, torch.tensor([2, 7, 0]))
    assert [english.decode(found.tokens) for found in heard] == ["no", "no cat", ""]
    assert decoder(log_probs[:0], torch.tensor([], dtype=torch.long)) == []
    assert decode(decoder, log_probs[:1, :0]) == Hypothesis([], [], [], [])


def test_what_no_word_is_near_to_is_silence(homophones: str):
    english = Characters()
    heard = decode(BeamDecoder(english, homophones), spelled("zzz", english))
    assert english.decode(heard.tokens) == ""


def test_probabilities_of_zero_do_no_harm(homophones: str):
    english = Characters()
    log_probs = spelled("no cat", english, peak=1.0)
    heard = decode(BeamDecoder(english, homophones), log_probs)
    assert english.decode(heard.tokens) == "no cat"
    assert heard.scores == [1.0] * 6
    assert english.decode(decode(BeamDecoder(english), log_probs).tokens) == "no cat"
    unheard = spelled("nzo cat", english, peak=1.0)
    assert english.decode(decode(BeamDecoder(english, homophones, log_add=True), unheard).tokens) == "no cat"


def test_a_narrow_beam_still_hears_what_is_plain(homophones: str):
    english = Characters()
    decoder = BeamDecoder(english, homophones, beam_size=4, beam_size_token=2, beam_threshold=20.0)
    assert english.decode(decode(decoder, spelled("over there", english)).tokens) == "over there"


class Pieces(Characters):
    """Subwords by hand: a word is its first letter with a space before it, and the other letters."""

    def __init__(self) -> None:
        super().__init__("abc")
        self.tokens = [" a", " b", " c", "a", "b", "c"]

    def encode(self, text: str) -> list[int]:
        return [self.tokens.index((" " if at == 0 else "") + letter) for at, letter in enumerate(text)]


@pytest.fixture(scope="module")
def pieces_words(tmp_path_factory: pytest.TempPathFactory) -> str:
    words = dict.fromkeys(["a", "ab", "abc", "b", "cab"], (-1.0, 0.0))
    return write_arpa(tmp_path_factory.mktemp("lm") / "pieces.arpa", words, {("a", "a"): -1.0})


@st.composite
def peaked_paths(draw: st.DrawFn, vocabulary: Vocabulary, words: list[str]) -> list[int]:
    """Frames of some words: every token for 1 to 4 frames, blanks between, a space where there is one."""
    path, lasts, rests = [vocabulary.blank], st.integers(1, 4), st.integers(0, 2)
    for word in draw(st.lists(st.sampled_from(words), max_size=4)):
        for token in vocabulary.encode(word):
            least = int(path[-1] == token)
            path += [vocabulary.blank] * max(least, draw(rests)) + [token] * draw(lasts)
        path += [vocabulary.blank] * draw(rests)
        path += [0] * draw(lasts) if vocabulary.tokens[0] == " " else []
    return path


@settings(deadline=None, max_examples=40)
@given(data=st.data(), peak=st.sampled_from([0.6, 0.9, 0.999]))
@pytest.mark.parametrize("kind", ["characters", "pieces"])
def test_what_is_plain_is_heard_as_greedy_hears_it(
    kind: str, letters: str, pieces_words: str, data: st.DataObject, peak: float
):
    vocabulary = LETTERS if kind == "characters" else Pieces()
    words = list(LETTER_WORDS) if kind == "characters" else ["a", "ab", "abc", "b", "cab"]
    path = data.draw(peaked_paths(vocabulary, words))
    log_probs = posteriors(path, vocabulary.blank + 1, peak)
    decoder = BeamDecoder(vocabulary, letters if kind == "characters" else pieces_words, lm_weight=0.0)
    assert decode(decoder, log_probs) == Greedy(vocabulary)(log_probs, torch.tensor([len(path)]))[0]


def test_of_a_subword_that_lasts_every_frame_counts(pieces_words: str):
    pieces = Pieces()
    a, b, blank = pieces.tokens.index(" a"), pieces.tokens.index("b"), pieces.blank
    log_probs = posteriors([a, a, a, a, blank], 7)
    log_probs[0, 3, b] = math.log(0.06)  # "ab" may not win by making up for frames that "a" could not keep
    decoder = BeamDecoder(pieces, pieces_words, lm_weight=0.0)
    heard = decode(decoder, log_probs)
    assert (heard.tokens, heard.starts, heard.ends) == ([a], [0], [4])


def test_the_same_subword_twice_needs_a_blank_between(pieces_words: str):
    pieces = Pieces()
    a, blank = pieces.tokens.index(" a"), pieces.blank
    decoder = BeamDecoder(pieces, pieces_words, word_score=3.0)
    assert decode(decoder, posteriors([a, a, blank, a, a, a], 7)).tokens == [a, a]
    assert decode(decoder, posteriors([a, a, a, a, a, a], 7)).tokens == [a]


def test_the_surest_frame_of_a_run_keeps_the_token():
    log_probs = torch.tensor([[0.6, 0.1, 0.3], [0.7, 0.2, 0.1], [0.7, 0.0, 0.3], [0.1, 0.8, 0.1]]).log()
    (runs,) = greedy(log_probs[None], torch.tensor([4]), 2)
    peaked = peaks(log_probs, runs, 2).exp()
    expected = [[0.0, 0.1, 0.9], [0.7, 0.2, 0.1], [0.0, 0.0, 1.0], [0.1, 0.8, 0.1]]
    torch.testing.assert_close(peaked, torch.tensor(expected))
    assert torch.equal(peaks(log_probs[:0], Hypothesis([], [], [], []), 2), log_probs[:0])


@pytest.mark.parametrize(
    ("path", "wide"),
    [
        ([2, 2, 0, 2, 2, 2], [2, 0, 0, 0, 2, 2]),  # the token's surest frame
        ([2, 2, 2, 2, 2, 2], [2, 2, 2, 2, 2, 2]),  # the token is not there
        ([2, 1, 0, 2, 2, 2], [2, 1, 0, 2, 2, 2]),  # another one is there, too
        ([0, 2, 0, 2, 2, 2], [0, 2, 0, 2, 2, 2]),  # the same twice: widened, they would be one
        ([2, 2, 0, 2, 0, 2], [2, 2, 0, 2, 0, 2]),
    ],
)
def test_a_token_lasts_as_long_as_its_run(path: list[int], wide: list[int]):
    assert widened(path, Hypothesis([0], [1], [4], [0.9]), 2) == wide


def test_real_subwords(homophones: str):
    sentences = ["over there", "their cat", "no cat over there", "no no their cat is over there"]
    subwords = Subwords.train(sentences, 18, "bpe")
    path = [subwords.blank]
    for token in subwords.encode("no no their cat"):
        path += [token, token, subwords.blank]
    decoder = BeamDecoder(subwords, homophones)
    assert subwords.decode(decode(decoder, posteriors(path, subwords.blank + 1)).tokens) == "no no their cat"


def test_a_binary_of_kenlms(tmp_path: Path):
    path = tmp_path / "cat.bin"
    path.write_bytes(zlib.decompress(base64.b64decode(BINARY)))
    english = Characters()
    decoder = BeamDecoder(english, str(path))
    assert english.decode(decode(decoder, spelled("the cat sad", english)).tokens) == "the cat sat"


def test_as_a_decoder_it_is_built_from_its_configuration(homophones: str):
    english = Characters()
    node = config.load(["decoder=beam", f"decoder.lm={homophones}", "decoder.beam_size=20"])["decoder"]
    decoder = build(node, "decoder", vocabulary=english)
    assert isinstance(decoder, BeamDecoder)
    assert english.decode(decode(decoder, spelled("no cat", english)).tokens) == "no cat"


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("beam_size", 0, "decoder.beam_size=0: nothing would be kept; write 1 or more"),
        ("beam_size_token", 0, "decoder.beam_size_token=0: nothing would be kept; write 1 or more"),
        ("beam_threshold", 0.0, "decoder.beam_threshold=0.0: write a number above 0"),
    ],
)
def test_numbers_out_of_range(setting: str, value: float, message: str):
    node = {"_target_": "speechsrt.decoding.beam.BeamDecoder", setting: value}
    with pytest.raises(UserError) as raised:
        build(node, "decoder", vocabulary=LETTERS)
    assert str(raised.value) == message


def test_a_language_model_in_another_script(homophones: str):
    with pytest.raises(
        UserError, match=r"^decoder.lm=.*: none of its 5 words can be spelled with the model's"
    ):
        BeamDecoder(Characters("\N{GREEK SMALL LETTER ALPHA}\N{GREEK SMALL LETTER BETA}"), homophones)


def test_a_language_model_that_breaks_off(homophones: str, tmp_path: Path):
    path = tmp_path / "half.arpa"
    path.write_text(Path(homophones).read_text().split("\\2-grams:")[0])
    with pytest.raises(
        UserError, match=r"^decoder.lm=.*half.arpa: KenLM cannot use it \(.*\); name another file$"
    ):
        BeamDecoder(Characters(), str(path))


def test_a_language_model_that_is_not_there():
    with pytest.raises(UserError, match=r"^decoder.lm=absent.arpa: there is no such file"):
        BeamDecoder(Characters(), "absent.arpa")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "flashlight.lib.text", None)
    monkeypatch.delitem(sys.modules, "flashlight.lib.text.decoder", raising=False)
    with pytest.raises(
        UserError, match=r'^decoder=beam: needs flashlight-text; pip install "speechsrt\[beam\]"'
    ):
        BeamDecoder(Characters())
