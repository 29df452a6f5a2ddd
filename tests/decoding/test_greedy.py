import time
from itertools import groupby

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from speechsrt import config
from speechsrt.build import build
from speechsrt.decoding.greedy import Greedy, greedy
from speechsrt.decoding.hypothesis import Hypothesis
from speechsrt.text.characters import Characters


def read_frame_by_frame(log_probs: Tensor, length: int, blank: int) -> Hypothesis:
    """The slow reference: one utterance, its runs by `groupby`."""
    best = [(int(frame.argmax()), float(frame.max().exp())) for frame in log_probs[:length]]
    hypothesis = Hypothesis([], [], [], [])
    at = 0
    for token, group in groupby(best, key=lambda frame: frame[0]):
        run = list(group)
        if token != blank:
            hypothesis.tokens.append(token)
            hypothesis.starts.append(at)
            hypothesis.ends.append(at + len(run))
            hypothesis.scores.append(max(probability for _, probability in run))
        at += len(run)
    return hypothesis


@settings(deadline=None)
@given(data=st.data(), batch=st.integers(0, 4), frames=st.integers(0, 12), classes=st.integers(1, 4))
def test_equals_the_slow_reference(data: st.DataObject, batch: int, frames: int, classes: int):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 10**6)))
    log_probs = torch.randn(batch, frames, classes, generator=generator).log_softmax(2)
    lengths = data.draw(st.lists(st.integers(0, frames), min_size=batch, max_size=batch))
    heard = greedy(log_probs, torch.tensor(lengths, dtype=torch.long), classes - 1)
    assert len(heard) == batch
    for found, row, length in zip(heard, log_probs, lengths, strict=True):
        expected = read_frame_by_frame(row, length, classes - 1)
        assert (found.tokens, found.starts, found.ends) == (expected.tokens, expected.starts, expected.ends)
        assert found.scores == pytest.approx(expected.scores)


def test_a_token_does_not_go_on_in_the_next_utterance():
    log_probs = torch.tensor([[[0.9, 0.1]] * 3, [[0.8, 0.2]] * 3]).log()
    heard = greedy(log_probs, torch.tensor([3, 3]), 1)
    assert [(found.tokens, found.starts, found.ends) for found in heard] == [([0], [0], [3])] * 2
    assert [found.scores[0] for found in heard] == pytest.approx([0.9, 0.8])


def test_what_lies_behind_the_length_is_not_looked_at():
    log_probs = torch.tensor([[[0.9, 0.1], [0.9, 0.1], [float("nan"), float("nan")]]]).log()
    assert greedy(log_probs, torch.tensor([1]), 1)[0].ends == [1]
    assert greedy(log_probs, torch.tensor([0]), 1) == [Hypothesis([], [], [], [])]


def test_a_batch_takes_a_few_milliseconds():
    log_probs = torch.randn(32, 500, 29).log_softmax(2)
    lengths = torch.full((32,), 500)
    greedy(log_probs, lengths, 28)
    times = []
    for _ in range(5):
        start = time.process_time()
        greedy(log_probs, lengths, 28)
        times.append(time.process_time() - start)
    assert min(times) < 0.05  # 3 ms or so; processor time, whatever else the machine does


def test_as_a_decoder_it_takes_the_vocabularys_blank():
    decoder = build(config.load(["decoder=greedy"])["decoder"], "decoder", vocabulary=Characters("ab"))
    assert isinstance(decoder, Greedy)
    log_probs = torch.eye(3)[None].log_softmax(2)
    assert decoder(log_probs, torch.tensor([3]))[0].tokens == [0, 1]
