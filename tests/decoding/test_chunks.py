from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt.decoding.chunks import WINDOW, join, spans
from speechsrt.decoding.greedy import greedy
from speechsrt.errors import UserError
from speechsrt.text.characters import Characters

LETTERS = Characters(" abc")
SPACE, BLANK = 0, 4
CHUNK, OVERLAP = 192, 64
Run = tuple[int, int, int]
"""A token, its first frame and the one after its last."""


def posteriors(path: np.ndarray, rng: np.random.Generator, surest: float = 0.999) -> Tensor:
    """Return ``(T, 5)``: 0.85 to `surest` for the path's class in each frame, the rest for the others."""
    probabilities = rng.uniform(0.1, 1.0, (len(path), 5))
    probabilities[range(len(path)), path] = 0
    peak = rng.uniform(0.85, surest, len(path))
    probabilities *= ((1 - peak) / probabilities.sum(1))[:, None]
    probabilities[range(len(path)), path] = peak
    return torch.tensor(probabilities).log()


def tokens(log_probs: Tensor) -> list[int]:
    return greedy(log_probs[None], torch.tensor([len(log_probs)]), BLANK)[0].tokens


def speech(rng: np.random.Generator, frames: int, pause: int) -> list[Run]:
    """Return words of one to three letters, `pause` or more frames of blank on one side of each space."""
    runs, at = [], int(rng.integers(0, 5))
    while True:
        word = [*rng.integers(1, 4, rng.integers(1, 4)).tolist(), SPACE]
        for place, token in enumerate(word):
            again = bool(runs) and runs[-1][0] == token
            at += max(int(again), int(rng.integers(0, 3))) + (pause if place == 0 or token == SPACE else 0)
            runs.append((token, at, at + int(rng.integers(1, 3))))
            at = runs[-1][2]
            if at > frames:
                return runs[:-1]


def jittered(runs: list[Run], most: int, rng: np.random.Generator) -> list[Run]:
    """Return the same tokens, each beginning and ending up to `most` frames too early or too late."""
    moved, before, end = [], -1, 0
    for token, start, stop in runs:
        start = max(start + int(rng.integers(-most, most + 1)), end + (token == before))
        end = max(stop + int(rng.integers(-most, most + 1)), start + 1)
        moved.append((token, start, end))
        before = token
    return moved


def written(runs: list[Run], frames: int) -> np.ndarray:
    path = np.full(frames, BLANK)
    for token, start, stop in runs:
        path[max(start, 0) : stop] = token
    return path


def heard(path: np.ndarray, start: int, stop: int, garbage: int, rng: np.random.Generator) -> np.ndarray:
    """Return a chunk's path, anything at all in it near those of its ends that are not the recording's."""
    chunk = path[start:stop].copy()
    if start > 0:
        chunk[:garbage] = rng.integers(0, 5, garbage)
    if stop < len(path):
        chunk[-garbage:] = rng.integers(0, 5, garbage)
    return chunk


def settled(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether two views of an overlap are blank together for a while between tokens begun in its middle."""
    quarter = len(left) // 4
    ways = [path[quarter : len(path) - quarter] for path in (left, right)]
    for seam in range(WINDOW, len(ways[0]) - WINDOW + 1):
        around = [path[seam - WINDOW : seam + WINDOW] for path in ways]
        sides = [(tokens_of(path[:seam]), tokens_of(path[seam:])) for path in ways]
        if np.all(np.stack(around) == BLANK) and sides[0] == sides[1] and all(sides[0]):
            return True
    return False


def tokens_of(path: np.ndarray) -> list[int]:
    begins = np.append(True, path[1:] != path[:-1])[: len(path)]
    return path[begins & (path != BLANK)].tolist()


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**9), frames=st.integers(0, 700), most=st.integers(0, WINDOW))
def test_no_token_is_lost_or_doubled_where_there_are_pauses(seed: int, frames: int, most: int):
    rng = np.random.default_rng(seed)
    runs = speech(rng, frames - most, 2 * WINDOW + 2 * most)
    places = spans(frames, CHUNK, OVERLAP)
    paths = [written(jittered(runs, most, rng), frames) for _ in places]
    for (earlier, later), (before, after) in zip(pairwise(paths), pairwise(places), strict=True):
        assume(settled(earlier[after[0] : before[1]], later[after[0] : before[1]]))
    chunks = [
        posteriors(heard(path, *place, OVERLAP // 4, rng), rng)
        for path, place in zip(paths, places, strict=True)
    ]
    joined = join(chunks, [start for start, _ in places], LETTERS)
    assert joined.shape == (frames, 5)
    assert tokens(joined) == [token for token, _, _ in runs]


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10**9),
    frames=st.integers(0, 400),
    overlap=st.integers(4 * WINDOW, 30),
    data=st.data(),
)
def test_at_any_pace_where_chunks_agree(seed: int, frames: int, overlap: int, data: st.DataObject):
    rng = np.random.default_rng(seed)
    path = rng.integers(0, 5, frames)
    whole = posteriors(path, rng)
    chunk = overlap * data.draw(st.integers(3, 5))
    chunks, starts = [], []
    for start, stop in spans(frames, chunk, overlap):
        wrong = torch.tensor(path[start:stop] != heard(path, start, stop, overlap // 4, rng))
        chunks.append(torch.where(wrong[:, None], whole[start:stop].flip(1), whole[start:stop]))
        starts.append(start)
    assert tokens(join(chunks, starts, LETTERS)) == tokens(whole)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10**9), frames=st.integers(0, 300), lasts=st.integers(2, 4))
@pytest.mark.parametrize("text", ["abc", "aab"])
def test_speech_without_pauses_is_joined_between_tokens(text: str, seed: int, frames: int, lasts: int):
    rng = np.random.default_rng(seed)
    said = zip(range(0, frames - lasts, lasts + 1), LETTERS.encode(text * frames), strict=False)
    runs = [(token, at, at + lasts) for at, token in said]
    places = spans(frames, CHUNK // 2, OVERLAP // 2)
    chunks = []
    for place in places:
        path = written(jittered(runs, 1, rng), frames)
        chunks.append(posteriors(heard(path, *place, OVERLAP // 8, rng), rng))
    assert tokens(join(chunks, [start for start, _ in places], LETTERS)) == [token for token, _, _ in runs]


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**9),
    parts=st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=5),
)
def test_any_chunks_give_every_frame_once(seed: int, parts: list[tuple[int, int]]):
    rng = np.random.default_rng(seed)
    chunks, starts, at, stop = [], [], 0, 0
    for step, more in parts:
        starts.append(at)
        stop += more
        chunks.append(posteriors(rng.integers(0, 5, stop - at), rng))
        at = min(at + step, stop)
    joined = join(chunks, starts, LETTERS)
    assert len(joined) == stop
    found = torch.zeros(stop, dtype=torch.bool)
    for chunk, start in zip(chunks, starts, strict=True):
        found[start : start + len(chunk)] |= (joined[start : start + len(chunk)] == chunk).all(1)
    assert found.all()


def joined_views(left: str, right: str) -> tuple[str, int]:
    """Join two views of an overlap, a letter a frame, ``_`` for the blank; return the text and the seam."""
    rng = np.random.default_rng(0)
    paths = [
        np.array([BLANK if c == "_" else LETTERS.tokens.index(c) for c in text]) for text in (left, right)
    ]
    first, second = (posteriors(path, rng) for path in paths)
    around = posteriors(np.array([BLANK]), rng)
    joined = join([torch.cat([around, first]), torch.cat([second, around])], [0, 1], LETTERS)
    return LETTERS.decode(tokens(joined)), int((joined[1:-1] == first).all(1).sum())


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 40, 41])
def test_in_silence_the_seam_is_in_the_middle(frames: int):
    assert joined_views("_" * frames, "_" * frames) == ("", frames // 2)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("_" * 10 + "aa__ _____________bb" + "_" * 10, "_" * 10 + "aa_____________ __bb" + "_" * 10),
        ("_" * 10 + "aa_____________ __bb" + "_" * 10, "_" * 10 + "aa__ _____________bb" + "_" * 10),
        ("_" * 10 + "aa _______________bb" + "_" * 10, "_" * 10 + "aa_______________ bb" + "_" * 10),
    ],
)
def test_a_space_that_wanders_in_a_pause_keeps_words_apart(left: str, right: str):
    assert joined_views(left, right)[0] == "a b"


def test_a_long_pause_wins_over_a_near_one():
    text = "_" * 10 + "a______bcabcabcabcabc" + "_" * 9
    assert joined_views(text, text)[1] == 17 - WINDOW


def test_seams_do_not_cross():
    """Chunks that overlap almost wholly; the later two pause together before the earlier two do."""
    rng = np.random.default_rng(0)
    paths = [np.array(LETTERS.encode(text * 20)) for text in ("ab", "cc", "ab")]
    for path, pauses in zip(paths, [[25], [24, 13], [12]], strict=True):
        for pause in pauses:
            path[pause : pause + 6] = BLANK
    chunks = [posteriors(path, rng) for path in paths]
    assert join(chunks, [0, 1, 2], LETTERS).shape == (42, 5)


def test_a_token_is_not_cut_in_two():
    left, right = "_" * 12 + "aaaaaaaa____bbbbbbbb" + "_" * 8, "_" * 8 + "aaaaaaaa____bbbbbbbb" + "_" * 12
    assert joined_views(left, right)[0] == "ab"


def test_a_letter_said_twice_stays_two():
    before, after = "ab" * 8 + "a", "ab" * 9
    text, _ = joined_views(before + "c_c__" + after, before + "__c_c" + after)
    assert text == before + "cc" + after


def test_without_any_agreement_it_still_joins():
    text, seam = joined_views("abcabcabcabcabcabcab", "cbacbacbacbacbacbacb")
    assert text
    assert 5 <= seam <= 15


def test_one_chunk_is_the_whole():
    only = torch.randn(7, 5)
    assert torch.equal(join([only], [0], LETTERS), only)


@pytest.mark.parametrize(
    ("lengths", "starts", "message"),
    [
        ([], [], "leave a gap"),
        ([5, 5], [0, 6], "leave a gap"),
        ([5, 5], [0, 0], "do not follow each other"),
        ([9, 3], [0, 4], "do not follow each other"),
    ],
)
def test_chunks_that_cannot_be_joined(lengths: list[int], starts: list[int], message: str):
    with pytest.raises(ValueError, match=message):
        join([torch.zeros(length, 5) for length in lengths], starts, LETTERS)


@given(
    samples=st.integers(0, 5000),
    frame=st.integers(1, 20),
    overlap=st.integers(1, 10),
    rest=st.integers(1, 40),
)
def test_spans_cover_a_recording_in_few_chunks(samples: int, frame: int, overlap: int, rest: int):
    chunk, shared = frame * (overlap + rest), frame * overlap
    places = spans(samples, chunk, shared)
    assert places[0][0] == 0
    assert places[-1][1] == samples
    assert all(start % frame == 0 for start, _ in places)
    assert all(stop - start == chunk for start, stop in places[:-1])
    assert len(places) == 1 or shared < places[-1][1] - places[-1][0] <= chunk
    assert all(before[1] - after[0] >= shared for before, after in pairwise(places))
    assert len(places) == 1 + max(0, -(-(samples - chunk) // (chunk - shared)))


def test_spans_are_evenly_spread():
    assert spans(0, 10, 2) == [(0, 0)]
    assert spans(10, 10, 2) == [(0, 10)]
    assert spans(11, 10, 2) == [(0, 10), (2, 11)]
    assert spans(30, 10, 2) == [(0, 10), (8, 18), (14, 24), (20, 30)]


@pytest.mark.parametrize("overlap", [-1, 0, 10, 11])
def test_an_overlap_that_leaves_nothing(overlap: int):
    with pytest.raises(
        UserError, match=rf"^overlap_seconds: chunks of 10 samples cannot overlap by {overlap};"
    ):
        spans(100, 10, overlap)
